import pytest
import torch
from mmengine.config import ConfigDict
from torch import nn

from mmseg_dcc.models.correction_network import (
    CorrectionNetwork,
    WidenedConv2d,
)
from tests.tiny_models import CASCADE, NUM_CLASSES, PSP, SINGLE

STOCK = dict(type='EncoderDecoder', train_cfg={}, test_cfg=dict(mode='whole'))


@pytest.mark.parametrize('bias', [False, True])
def test_widened_convolution_is_one_of_all_channels(bias):
    conv = nn.Conv2d(3, 5, 3, stride=2, padding=1, bias=bias)
    widened = WidenedConv2d(conv, 4)
    assert widened.weight.shape == conv.weight.shape
    whole = nn.Conv2d(7, 5, 3, stride=2, padding=1, bias=bias)
    with torch.no_grad():
        whole.weight.copy_(
            torch.cat([widened.weight, widened.further.weight], 1))
        if bias:
            whole.bias.copy_(widened.bias)
    inputs = torch.randn(2, 7, 9, 9)
    torch.testing.assert_close(widened(inputs), whole(inputs))


@pytest.mark.parametrize('config', [
    SINGLE, PSP,
    dict(CASCADE, type='CascadeEncoderDecoder'),
    dict(
        SINGLE,
        backbone=dict(SINGLE['backbone'], deep_stem=True, with_cp=True),
        decode_head=dict(
            SINGLE['decode_head'], num_classes=2, out_channels=1,
            threshold=0.5,
            loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True)))
])
def test_takes_image_and_map(config):
    config = dict(STOCK, **config)
    before = repr(config)
    network = CorrectionNetwork(config, 3, 5, NUM_CLASSES + 1)
    assert repr(config) == before
    network.init_weights()
    images = torch.randn(2, 3, 32, 40)
    maps = torch.rand(2, 5, 32, 40).requires_grad_()
    scores = network(images, maps)
    assert scores.shape == (2, NUM_CLASSES + 1, 32, 40)
    scores.square().sum().backward()
    assert maps.grad.any()
    assert not any(
        getattr(module, 'with_cp', False) for module in network.modules())


def test_pretrained_weights_of_the_stock_network_fit(tmp_path):
    plain = CorrectionNetwork(dict(STOCK, **SINGLE), 3, 5, 4)
    weights = {
        key: value + 1
        for key, value in plain.network.backbone.state_dict().items()
        if 'further' not in key
    }
    torch.save(weights, tmp_path / 'weights.pth')
    network = CorrectionNetwork(
        ConfigDict(
            STOCK, **SINGLE, pretrained=str(tmp_path / 'weights.pth')), 3, 5,
        4)
    network.init_weights()
    found = network.network.backbone.state_dict()
    assert found.keys() - weights.keys() == {'conv1.further.weight'}
    for key, value in weights.items():
        assert torch.equal(found[key], value), key


def test_configs_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match='convolution of 4 channels.*ResNet'):
        CorrectionNetwork(dict(STOCK, **SINGLE), 4, 5, 4)
    head = dict(SINGLE['decode_head'])
    head.pop('num_classes')
    with pytest.raises(ValueError, match='DepthwiseSep.*decode_head'):
        CorrectionNetwork(
            dict(STOCK, **dict(SINGLE, decode_head=head)), 3, 5, 4)
