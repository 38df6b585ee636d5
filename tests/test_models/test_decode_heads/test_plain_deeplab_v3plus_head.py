"""Tests of ``mmseg_dcc/models/decode_heads/plain_deeplab_v3plus_head.py``."""
import pytest
import torch
from mmcv.cnn import DepthwiseSeparableConvModule
from mmseg.registry import MODELS
from torch import nn

from mmseg_dcc.apis.publish import stock_config
from tests.project_configs import load_config
from tests.tiny_models import ASPP_HEAD, BACKBONE, build_dcc, losses_of

PLAIN = dict(ASPP_HEAD, type='PlainDeepLabV3PlusHead')


def millions(name):
    """Millions of parameters of network and projector of a config."""
    with torch.device('meta'):
        model = MODELS.build(load_config(name).model)
    return sum(p.numel() for p in model.parameters()) / 1e6


@pytest.mark.parametrize('name, expected', [
    ('dcc/deeplabv3plus_plain_r50_voc_1-8.py', 40.5),
    ('dcc/deeplabv3plus_r50_voc_1-8.py', 29.4),
    ('dcc/deeplabv3plus_plain_r101_voc_1-8.py', 59.5),
])
def test_parameters(name, expected):
    assert millions(name) == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize('folder', ['dcc', 'supervised'])
@pytest.mark.parametrize('network', ['r50', 'r101'])
def test_configs_change_the_head_alone(folder, network):
    plain = load_config(f'{folder}/deeplabv3plus_plain_{network}_voc_1-8.py')
    stock = load_config(f'{folder}/deeplabv3plus_{network}_voc_1-8.py')
    plain.pop('plain_head')
    assert plain.model.decode_head.pop('type') == PLAIN['type']
    del stock.model.decode_head['type']
    assert plain.to_dict() == stock.to_dict()


def test_no_convolution_is_separable():
    """Shapes of the published head, in the order of its forward pass."""
    head = MODELS.build(PLAIN)
    assert not any(
        isinstance(module, DepthwiseSeparableConvModule)
        for module in head.modules())
    shapes = [
        tuple(module.weight.shape) for part in (
            head.aspp_modules, head.image_pool, head.bottleneck,
            head.c1_bottleneck, head.sep_bottleneck)
        for module in part.modules() if isinstance(module, nn.Conv2d)
    ]
    assert shapes == [(8, 32, 1, 1), (8, 32, 3, 3), (8, 32, 1, 1),
                      (8, 24, 1, 1), (4, 8, 1, 1), (8, 12, 3, 3),
                      (8, 8, 3, 3)]
    assert [m.p for m in head.modules()
            if isinstance(m, nn.Dropout)] == [0.5, 0.5]


def test_dcc_trains_through_it():
    model = build_dcc(backbone=BACKBONE, decode_head=PLAIN)
    losses = losses_of(model)
    assert losses['unsup_loss_dc'] > 0
    model.parse_losses(losses)[0].backward()
    head = model.decode_head
    for part in (head.aspp_modules, head.bottleneck, head.sep_bottleneck):
        assert all(p.grad.abs().sum() > 0 for p in part.parameters())


def test_plain_mmseg_does_not_take_it():
    config = load_config('dcc/deeplabv3plus_plain_r50_voc_1-8.py')
    with pytest.raises(ValueError, match='PlainDeepLabV3PlusHead of mmseg_dc'):
        stock_config(config, dict(classes=['a'], palette=[[0, 0, 0]]))
