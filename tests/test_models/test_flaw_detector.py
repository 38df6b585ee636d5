"""Tests of ``mmseg_dcc/models/flaw_detector.py``."""
import pytest
import torch
from mmseg.registry import MODELS
from torch import nn

from mmseg_dcc.models.flaw_detector import FlawDetector, HalfInstanceNorm
from tests.golden import assert_values, golden_files, load

PUBLISHED = ('1', '2', '2_1', '3', '3_1', '4', '4_1')


def of_record(record, others=0):
    """Recorded detector; its images have ``others`` additional channels."""
    channels = [
        len(record[f'fdw_conv{name}_bias']) for name in PUBLISHED
    ]
    image_channels = record['fd_image_u8'].shape[1]
    detector = FlawDetector(
        image_channels + others, record['fd_prob_l'].shape[1], channels)
    state = {}
    for i, name in enumerate(PUBLISHED):
        for kind in ('weight', 'bias'):
            state[f'layers.{3 * i}.{kind}'] = record[
                f'fdw_conv{name}_{kind}']
            state[f'layers.{3 * i + 1}.batch_norm.{kind}'] = record[
                f'fdw_ibn{name}_bnorm_{kind}']
    for kind in ('weight', 'bias'):
        state[f'layers.21.{kind}'] = record[f'fdw_classifier_{kind}']
    first = state['layers.0.weight']
    state['layers.0.weight'] = torch.cat([
        first[:, :image_channels],
        first.new_zeros(len(first), others, *first.shape[2:]),
        first[:, image_channels:]
    ], 1)
    missing, unexpected = detector.load_state_dict(state, strict=False)
    assert not unexpected
    assert all('running_' in key or 'num_batches' in key for key in missing)
    return detector


def enlarged(record, name):
    """Recorded map, enlarged to the size of the images by repeated pixels."""
    factor = int(record['fd_im_size']) // record[name].shape[-1]
    return record[name].repeat_interleave(factor, -2).repeat_interleave(
        factor, -1)


def inputs_of(record):
    images = (enlarged(record, 'fd_image_u8') / 255 - 0.5) / 0.25
    return images, [enlarged(record, f'fd_prob_{x}') / 255 for x in 'lr']


@pytest.mark.parametrize('path', golden_files('gct'),
                         ids=lambda path: path.stem)
def test_recorded_values(path):
    record = load(path)
    detector = of_record(record).train()
    images, maps = inputs_of(record)
    for i, (side, single) in enumerate(zip('lr', maps)):
        low = []
        hook = detector.layers[-1].register_forward_hook(
            lambda module, inputs, output, low=low: low.append(output))
        flaws = detector(images, single)
        hook.remove()
        assert_values(low[0], record[f'fd_low_{side}'])
        assert_values(flaws[..., 1::8, 2::8],
                      record[f'fd_flaw_{side}_sub'])
        if i == 0:
            for position, name in ((1, '1'), (19, '4_1')):
                norm = detector.layers[position].batch_norm
                for kind in ('mean', 'var'):
                    assert_values(
                        getattr(norm, f'running_{kind}'),
                        record[f'fd_after1_ibn{name}_running_{kind}'])
    assert_values(
        detector.eval()(images, maps[0])[..., 1::16, 2::16],
        record['fd_eval_low_check_sub'])


def test_layers_are_the_published_ones():
    detector = MODELS.build(
        dict(type='FlawDetector', in_channels=4, num_classes=7))
    convolutions = [
        layer for layer in detector.layers if isinstance(layer, nn.Conv2d)
    ]
    assert [layer.out_channels for layer in convolutions
            ] == [64, 128, 128, 256, 256, 512, 512, 1]
    assert [layer.stride[0]
            for layer in convolutions] == [2, 2, 1, 2, 1, 2, 1, 2]
    assert convolutions[0].in_channels == 11
    norms = [
        layer for layer in detector.layers
        if isinstance(layer, HalfInstanceNorm)
    ]
    assert len(norms) == 7
    assert {type(norm.batch_norm) for norm in norms} == {nn.BatchNorm2d}


@pytest.mark.parametrize('channels', [2, 5])
def test_half_the_channels_are_normalised_an_image(channels):
    norm = HalfInstanceNorm(channels, dict(type='BN'))
    maps = torch.randn(3, channels, 6, 5) + 5 * torch.randn(3, 1, 1, 1)
    found = norm(maps)
    half = channels // 2
    torch.testing.assert_close(
        found[:, :half].mean((0, 2, 3)), torch.zeros(half),
        atol=1e-5, rtol=0)
    assert (found[:, :half].mean((2, 3)).abs() > 0.01).any()
    torch.testing.assert_close(
        found[:, half:].mean((2, 3)), torch.zeros(3, channels - half),
        atol=1e-5, rtol=0)


@pytest.mark.parametrize('side, low', [(92, 2), (128, 3), (321, 9),
                                       (513, 15)])
def test_size_of_the_map_before_it_is_resized(side, low):
    detector = FlawDetector(1, 1, channels=[2] * 7)
    detector.check_size((side, side + 40))
    assert detector.layers(torch.randn(1, 2, side, side)).shape[2:] == (low,
                                                                      low)


def test_images_that_are_too_small_are_refused():
    detector = FlawDetector(1, 2, channels=[2] * 7)
    with pytest.raises(ValueError, match=r'\(96, 91\) px.* larger crop_size'):
        detector(torch.randn(1, 1, 96, 91), torch.rand(1, 2, 96, 91))


def test_each_layer_needs_a_stride():
    with pytest.raises(ValueError, match=r'stride for each .*\(4, 4\)'):
        FlawDetector(3, 2, channels=(4, 4))
