import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS

from mmseg_dcc.models.head_features import classifier_input
from tests.tiny_dinov2 import DIMS, DPT_HEAD


def naive(head, levels):
    """Naive forward pass of the DPT head, as in the figure of the paper."""
    w = head.state_dict()

    def conv(x, name, padding=1, stride=1):
        bias = w.get(f'{name}.bias')
        return F.conv2d(x, w[f'{name}.weight'], bias, stride, padding)

    def unit(x, name):
        return x + conv(F.relu(conv(F.relu(x), f'{name}.convs.1')),
                        f'{name}.convs.3')

    blocks = 'reassemble'
    maps = [
        conv(level, f'{blocks}.projects.{i}.conv', 0)
        for i, level in enumerate(levels)
    ]
    for i, stride in ((0, 4), (1, 2)):
        maps[i] = F.conv_transpose2d(
            maps[i], w[f'{blocks}.resize_layers.{i}.weight'],
            w[f'{blocks}.resize_layers.{i}.bias'], stride)
    maps[3] = conv(maps[3], f'{blocks}.resize_layers.3', 1, 2)
    maps = [conv(x, f'convs.{i}') for i, x in enumerate(maps)]
    fused = unit(maps[3], 'fusions.3.refine')
    for i in (3, 2, 1, 0):
        if i < 3:
            fused = unit(fused + unit(maps[i], f'fusions.{i}.lateral'),
                         f'fusions.{i}.refine')
        size = maps[i - 1].shape[2:] if i else [
            2 * side for side in maps[0].shape[2:]
        ]
        fused = F.interpolate(
            fused, tuple(size), mode='bilinear', align_corners=True)
        fused = conv(fused, f'fusions.{i}.project', 0)
    return F.relu(conv(fused, 'project.0'))


@pytest.mark.parametrize('size', [(2, 2), (3, 5)], ids=['even', 'odd'])
def test_equals_a_naive_forward(size):
    head = MODELS.build(DPT_HEAD)
    levels = [torch.randn(2, DIMS, *size) for _ in range(4)]
    found = classifier_input(head, levels)
    # exactly eight features a patch, also for odd grids
    assert found.shape == (2, 4, *(8 * side for side in size))
    torch.testing.assert_close(found, naive(head, levels))
    torch.testing.assert_close(
        head(levels),
        F.conv2d(found, head.conv_seg.weight, head.conv_seg.bias))


def test_every_parameter_is_reached_and_no_buffer_is_there():
    head = MODELS.build(DPT_HEAD)
    head([torch.randn(2, DIMS, 3, 3) for _ in range(4)]).square().sum(
        ).backward()
    assert all(parameter.grad is not None for parameter in head.parameters())
    assert not [*head.buffers()]


@pytest.mark.parametrize('change', [
    dict(in_channels=[8, 8, 8], in_index=[0, 1, 2]),
    dict(in_channels=[8, 8, 8, 4]),
    dict(post_process_channels=[4, 4]),
])
def test_other_levels_are_refused(change):
    with pytest.raises(ValueError, match='four levels with the same'):
        MODELS.build(dict(DPT_HEAD, **change))
