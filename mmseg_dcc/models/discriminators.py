"""Discriminators of label maps and predictions."""
from typing import Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class FullyConvDiscriminator(BaseModule):
    """Fully convolutional discriminator (Hung et al., BMVC 2018).

    4x4 convolutions of stride 2, each but the last followed by a LeakyReLU
    of slope 0.2, without normalisation. The scores are resized to the size
    of the maps.

    Args:
        num_classes (int): Channels of the maps: probabilities or one-hot
            labels.
        channels (Sequence[int]): Channels of the hidden layers. Maps must
            have at least 2 ** (layers + 1) pixels per side. Defaults to
            (64, 128, 256, 512), as published: 32 pixels.
        align_corners (bool): Option of the resizing. Defaults to True, as
            published.
        init_cfg (dict, optional): Initialisation config. Defaults to None:
            torch's default, as in the published code.

    Examples:
        >>> discriminator = dict(
        ...     type='FullyConvDiscriminator',
        ...     num_classes=21,
        ...     channels=(64, 128, 256, 512))
    """

    def __init__(self,
                 num_classes: int,
                 channels: Sequence[int] = (64, 128, 256, 512),
                 align_corners: bool = True,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        self.align_corners = align_corners
        layers = []
        for width_in, width_out in zip((num_classes, *channels), channels):
            layers += [
                nn.Conv2d(width_in, width_out, 4, stride=2, padding=1),
                nn.LeakyReLU(0.2)
            ]
        classifier = nn.Conv2d(channels[-1], 1, 4, stride=2, padding=1)
        self.layers = nn.Sequential(*layers, classifier)
        self.min_side = 2**(len(channels) + 1)

    def forward(self, maps: Tensor) -> Tensor:
        """Scores of each pixel.

        Args:
            maps (Tensor): Shape (N, num_classes, H, W).

        Returns:
            Tensor: Logits of "this is a label map", shape (N, 1, H, W).

        Raises:
            ValueError: If the maps are too small for the layers.
        """
        size = maps.shape[2:]
        if min(size) < self.min_side:
            raise ValueError(
                f'FullyConvDiscriminator got maps of {tuple(size)} px, but '
                f'its layers need {self.min_side} px per side. Use a larger '
                'crop_size, or fewer channels of the discriminator.')
        return F.interpolate(
            self.layers(maps),
            size,
            mode='bilinear',
            align_corners=self.align_corners)


@MODELS.register_module()
class ImageDiscriminator(BaseModule):
    """Discriminator of images with their label maps (S4GAN).

    4x4 convolutions of stride 2, each followed by a LeakyReLU of slope 0.2
    and, except the last, by a dropout of whole channels. The mean over all
    positions gives the features, a linear layer the score (Mittal et al.,
    TPAMI 2021).

    Difference from the published code: the mean is taken over a map of any
    size, so that crops of any size work (published: 20 x 20 pooling, which
    needs crops of 321 px).

    Args:
        num_classes (int): Channels of the maps: probabilities or one-hot
            labels.
        image_channels (int): Channels of the images. Defaults to 3.
        channels (Sequence[int]): Channels of the layers; the last number is
            the number of features. Maps must have at least 2 ** layers
            pixels per side. Defaults to (64, 128, 256, 512), as published: 16
            pixels.
        dropout (float): Probability that a channel is dropped, in [0, 1).
            Defaults to 0.5, as published.
        init_cfg (dict, optional): Initialisation config. Defaults to None:
            torch's default, as in the published code.

    Examples:
        >>> discriminator = dict(
        ...     type='ImageDiscriminator',
        ...     num_classes=21,
        ...     channels=(64, 128, 256, 512))
    """

    def __init__(self,
                 num_classes: int,
                 image_channels: int = 3,
                 channels: Sequence[int] = (64, 128, 256, 512),
                 dropout: float = 0.5,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        layers = []
        widths = (num_classes + image_channels, *channels)
        for width_in, width_out in zip(widths, channels):
            layers += [
                nn.Conv2d(width_in, width_out, 4, stride=2, padding=1),
                nn.LeakyReLU(0.2),
                nn.Dropout2d(dropout)
            ]
        # No dropout of the features themselves.
        self.layers = nn.Sequential(*layers[:-1])
        self.classifier = nn.Linear(channels[-1], 1)
        self.min_side = 2**len(channels)

    def forward(self, maps: Tensor, images: Tensor) -> Tuple[Tensor, Tensor]:
        """Features and score of each image.

        Args:
            maps (Tensor): Shape (N, num_classes, H, W).
            images (Tensor): Shape (N, image_channels, H, W), in [0, 1].

        Returns:
            tuple[Tensor, Tensor]: Features, shape (N, channels[-1]), and
            logits of "the map is a mask", shape (N, 1), float32 also inside
            autocast.

        Raises:
            ValueError: If the maps are too small for the layers.
        """
        size = maps.shape[2:]
        if min(size) < self.min_side:
            raise ValueError(
                f'ImageDiscriminator got maps of {tuple(size)} px, but its '
                f'layers need {self.min_side} px per side. Use a larger '
                'crop_size, or fewer channels of the discriminator.')
        positions = self.layers(torch.cat([maps, images], 1))
        with torch.autocast(maps.device.type, enabled=False):
            features = positions.to(self.classifier.weight.dtype).mean((2, 3))
            return features, self.classifier(features)
