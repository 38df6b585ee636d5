import pytest
import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import nn

from mmseg_dcc.models.discriminators import FullyConvDiscriminator


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
