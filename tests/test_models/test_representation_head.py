"""Tests of ``mmseg_dcc/models/representation_head.py``."""
import pytest
import torch
from mmseg.registry import MODELS
from torch import nn


@pytest.mark.parametrize('norm_cfg, norm', [
    (None, None), (dict(type='BN'), nn.BatchNorm2d),
    (dict(type='GN', num_groups=2), nn.GroupNorm)])
def test_layers(norm_cfg, norm):
    head = MODELS.build(
        dict(
            type='RepresentationHead', in_channels=5, channels=6,
            norm_cfg=norm_cfg))
    assert head(torch.randn(2, 5, 4, 3)).shape == (2, 6, 4, 3)
    kernels = [
        layer.kernel_size for layer in head.modules()
        if isinstance(layer, nn.Conv2d)
    ]
    assert kernels == [(3, 3), (3, 3), (1, 1)]
    norms = [layer for layer in head.modules() if norm and isinstance(
        layer, norm)]
    assert len(norms) == (2 if norm else 0)


def test_dropout_is_for_training():
    torch.manual_seed(0)
    head = MODELS.build(
        dict(type='RepresentationHead', in_channels=5, dropout=0.5))
    images = torch.randn(1, 5, 4, 4)
    assert not torch.equal(head(images), head(images))
    head.eval()
    assert torch.equal(head(images), head(images))
