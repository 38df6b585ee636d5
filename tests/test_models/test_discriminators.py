import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import nn

from mmseg_dcc.models.discriminators import (
    FullyConvDiscriminator,
    ImageDiscriminator,
)


def test_layers_are_the_published_ones():
    discriminator = MODELS.build(
        dict(type='FullyConvDiscriminator', num_classes=7))
    convolutions = [layer for layer in discriminator.layers
                    if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels for layer in convolutions] == [
        64, 128, 256, 512, 1
    ]
    assert convolutions[0].in_channels == 7
    for layer in convolutions:
        assert (layer.kernel_size, layer.stride, layer.padding) == ((4, 4),
                                                                    (2, 2),
                                                                    (1, 1))
    slopes = [layer.negative_slope for layer in discriminator.layers
              if isinstance(layer, nn.LeakyReLU)]
    assert slopes == [0.2] * 4


@pytest.mark.parametrize('align_corners', [False, True])
def test_forward_step_by_step(align_corners):
    discriminator = FullyConvDiscriminator(
        3, channels=(4, 5), align_corners=align_corners)
    maps = torch.randn(2, 3, 24, 33)
    expected = maps
    weights = list(discriminator.parameters())
    for weight, bias in zip(weights[::2], weights[1::2]):
        expected = F.conv2d(expected, weight, bias, stride=2, padding=1)
        if len(bias) > 1:
            expected = torch.maximum(expected, 0.2 * expected)
    assert expected.shape == (2, 1, 3, 4)
    expected = F.interpolate(
        expected, (24, 33), mode='bilinear', align_corners=align_corners)
    torch.testing.assert_close(discriminator(maps), expected)


def test_maps_that_are_too_small_are_refused():
    discriminator = FullyConvDiscriminator(3, channels=(4, 5))
    assert discriminator(torch.randn(1, 3, 8, 9)).shape == (1, 1, 8, 9)
    with pytest.raises(ValueError, match=r'\(9, 7\) px.* need 8 px'):
        discriminator(torch.randn(1, 3, 9, 7))


def test_layers_of_the_image_discriminator_are_the_published_ones():
    discriminator = MODELS.build(
        dict(type='ImageDiscriminator', num_classes=7))
    layers = [*discriminator.layers]
    convolutions = [layer for layer in layers if isinstance(layer, nn.Conv2d)]
    assert [layer.out_channels
            for layer in convolutions] == [64, 128, 256, 512]
    assert convolutions[0].in_channels == 7 + 3
    assert [type(layer).__name__ for layer in layers] == [
        'Conv2d', 'LeakyReLU', 'Dropout2d'
    ] * 3 + ['Conv2d', 'LeakyReLU']
    assert [layer.p for layer in layers
            if isinstance(layer, nn.Dropout2d)] == [0.5] * 3
    assert discriminator.classifier.in_features == 512


@pytest.mark.parametrize('size', [(24, 33), (4, 4)])
def test_image_discriminator_step_by_step(size):
    discriminator = ImageDiscriminator(3, 2, channels=(4, 5)).eval()
    maps, images = torch.randn(2, 3, *size), torch.randn(2, 2, *size)
    expected = torch.cat([maps, images], 1)
    *weights, classifier, offset = discriminator.parameters()
    for weight, bias in zip(weights[::2], weights[1::2]):
        expected = F.conv2d(expected, weight, bias, stride=2, padding=1)
        expected = torch.maximum(expected, 0.2 * expected)
    expected = expected.flatten(2).mean(2)
    features, scores = discriminator(maps, images)
    torch.testing.assert_close(features, expected)
    torch.testing.assert_close(scores, expected @ classifier.T + offset)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        for single in discriminator(maps, images):
            assert single.dtype == torch.float32


def test_image_discriminator_refuses_small_maps():
    discriminator = ImageDiscriminator(3, channels=(4, 5))
    with pytest.raises(ValueError, match=r'\(9, 3\) px.* need 4 px'):
        discriminator(torch.randn(1, 3, 9, 3), torch.randn(1, 3, 9, 3))
