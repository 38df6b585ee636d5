"""Tests of class activation maps and of the masks made from them."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmseg_dcc.apis import cam_masks
from tests.backbones import import_mmpretrain
from tests.optional_packages import needs_grad_cam
from tests.tool_scripts import load_tool


def test_every_pixel_is_decided_by_itself():
    rng = np.random.default_rng(0)
    maps = rng.random((2, 9, 7), np.float32)
    maps[:, :5] *= 0.1
    mask = cam_masks.mask_from_maps(maps, [4, 2], 1, 0.6, 0.05)
    for row in range(9):
        for column in range(7):
            first, second = maps[:, row, column]
            if max(first, second) >= 0.6:
                expected = 4 if first > second else 2
            else:
                expected = 1 if max(first, second) < 0.05 else 255
            assert mask[row, column] == expected
    assert set(np.unique(mask)) == {1, 2, 4, 255}


def test_class_that_is_not_found_leaves_no_background():
    maps = np.zeros((2, 3, 4), np.float32)
    maps[0, 0] = 1.
    mask = cam_masks.mask_from_maps(maps, [1, 2], 0, 0.3, 0.05)
    assert (mask[0] == 1).all() and (mask[1:] == 255).all()


def test_image_without_objects_is_background():
    mask = cam_masks.mask_from_maps(np.zeros((0, 3, 4)), [], 7, 0.3, 0.05)
    assert mask.shape == (3, 4) and (mask == 7).all()


class Classifier(nn.Module):
    """Network of convolution, pooling and linear layer."""

    def __init__(self):
        super().__init__()
        self.features = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.fc = nn.Linear(4, 3)

    def forward(self, images):
        return self.fc(self.features(images).mean((2, 3)))


@needs_grad_cam
@pytest.mark.parametrize('scales', [[1.], [1., 0.5]])
def test_maps_are_those_of_zhou(scales):
    """Linear layer applied to each feature, negative values set to 0."""
    import_mmpretrain()
    from pytorch_grad_cam import GradCAM
    torch.manual_seed(0)
    model = Classifier()
    image = torch.randn(1, 3, 16, 24)
    with GradCAM(model, [model.features]) as cam:
        found = cam_masks.class_activation_maps(cam, image, [2, 0],
                                                     scales)
        none = cam_masks.class_activation_maps(cam, image, [], scales)
    total = 0
    for scale in scales:
        resized = F.interpolate(image, scale_factor=scale, mode='bilinear')
        features = model.features(resized)[0]
        maps = torch.einsum('kc,chw->khw', model.fc.weight[[2, 0]],
                            features).relu()
        # in two steps, as the package does
        for size in (resized.shape[2:], (16, 24)):
            maps = maps / maps.amax((1, 2), keepdim=True)
            maps = F.interpolate(maps[None], size, mode='bilinear')[0]
        total = total + maps
    expected = total / total.amax((1, 2), keepdim=True)
    np.testing.assert_allclose(found, expected.detach(), atol=1e-2)
    assert none.shape == (0, 16, 24)


def test_thresholds_out_of_order(capsys):
    with pytest.raises(SystemExit):
        load_tool('dataset_tools/make_cam_masks.py').parse_args([
            'config', 'checkpoint', '--out-dir', 'masks', '--background',
            '0.4', '--foreground', '0.3'
        ])
    assert '--background <= --foreground' in capsys.readouterr().err
