"""Tests of ``mmseg_dcc/models/pixel_projector.py``."""
import torch
from mmseg.registry import MODELS

from mmseg_dcc.models import PixelProjector


def test_paper_s_layers():
    projector = MODELS.build(dict(type='PixelProjector', in_channels=6))
    shapes = {
        name: tuple(value.shape)
        for name, value in projector.state_dict().items()
    }
    assert shapes == {
        'layers.0.weight': (6, 6, 1, 1),
        'layers.0.bias': (6, ),
        'layers.2.weight': (128, 6, 1, 1),
        'layers.2.bias': (128, ),
    }
    assert projector.out_channels == 128


def test_equals_two_fully_connected_layers():
    projector = PixelProjector(4, out_channels=3)
    features = torch.randn(2, 4, 5, 6)
    first, _, second = projector.layers
    rows = features.permute(0, 2, 3, 1)
    hidden = rows @ first.weight[:, :, 0, 0].T + first.bias
    expected = hidden.relu() @ second.weight[:, :, 0, 0].T + second.bias
    torch.testing.assert_close(
        projector(features), expected.permute(0, 3, 1, 2))


def test_features_are_not_changed():
    features = torch.randn(1, 4, 2, 2)
    before = features.clone()
    PixelProjector(4)(features)
    assert torch.equal(features, before)
