"""Flaw detector of GCT (Ke et al., ECCV 2020)."""
from typing import Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmcv.cnn import build_norm_layer
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn


class HalfInstanceNorm(nn.Module):
    """Batch norm of half of the channels, instance norm of the other half.

    IBN (Pan et al., ECCV 2018); the instance norm has no parameters.

    Args:
        channels (int): Channels of the maps, at least 2.
        norm_cfg (dict): Norm of the first half, as in mmseg.
    """

    def __init__(self, channels: int, norm_cfg: dict) -> None:
        super().__init__()
        self.widths = (channels // 2, channels - channels // 2)
        self.batch_norm = build_norm_layer(norm_cfg, self.widths[0])[1]
        self.instance_norm = nn.InstanceNorm2d(self.widths[1])

    def forward(self, maps: Tensor) -> Tensor:
        """Normalised maps, shape (N, channels, H, W)."""
        first, second = maps.split(self.widths, 1)
        return torch.cat(
            [self.batch_norm(first),
             self.instance_norm(second)], 1)


@MODELS.register_module()
class FlawDetector(BaseModule):
    """Fully convolutional flaw detector (Ke et al., ECCV 2020).

    4x4 convolutions, each but the last followed by :class:`HalfInstanceNorm`
    and a LeakyReLU of slope 0.2. The output has no activation and is resized
    to the size of the images.

    Args:
        in_channels (int): Channels of the images.
        num_classes (int): Channels of the probabilities.
        channels (Sequence[int]): Channels of the hidden layers, at least 2
            each. Defaults to (64, 128, 128, 256, 256, 512, 512), as
            published.
        strides (Sequence[int]): Strides of the hidden layers; the last layer
            has stride 2. Defaults to (2, 2, 1, 2, 1, 2, 1), as published,
            for images of at least 92 px per side.
        norm_cfg (dict, optional): Norm of the half without instance norm.
            Defaults to None: dict(type='BN'). Published: SyncBN.
        align_corners (bool): Option of the resizing. Defaults to True, as
            published.
        init_cfg (dict, optional): Initialisation config. Defaults to None:
            torch's default, as in the published code.

    Raises:
        ValueError: If the lengths of ``channels`` and ``strides`` differ.

    Examples:
        >>> detector = dict(
        ...     type='FlawDetector',
        ...     channels=(16, 32, 32, 64),  # for crops of 64 px
        ...     strides=(2, 2, 1, 1),
        ...     norm_cfg=dict(type='SyncBN'))
    """

    def __init__(
            self,
            in_channels: int,
            num_classes: int,
            channels: Sequence[int] = (64, 128, 128, 256, 256, 512, 512),
            strides: Sequence[int] = (2, 2, 1, 2, 1, 2, 1),
            norm_cfg: Optional[dict] = None,
            align_corners: bool = True,
            init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if len(channels) != len(strides):
            raise ValueError(
                'FlawDetector needs a stride for each hidden layer, got '
                f'channels={tuple(channels)} and strides={tuple(strides)}. '
                'Change detector of the term in model.terms.')
        self.align_corners = align_corners
        self.strides = (*strides, 2)
        layers = []
        widths = (in_channels + num_classes, *channels)
        for width_in, width_out, stride in zip(widths, channels, strides):
            layers += [
                nn.Conv2d(width_in, width_out, 4, stride=stride, padding=1),
                HalfInstanceNorm(width_out, norm_cfg or dict(type='BN')),
                nn.LeakyReLU(0.2)
            ]
        classifier = nn.Conv2d(widths[-1], 1, 4, stride=2, padding=1)
        self.layers = nn.Sequential(*layers, classifier)

    def check_size(self, size: Tuple[int, int]) -> None:
        """Checks that images are large enough for the strides.

        Args:
            size (tuple[int, int]): Height and width in pixels.

        Raises:
            ValueError: If the flaw map would have fewer than 2 x 2
                positions.
        """
        side = min(size)
        for stride in self.strides:
            side = (side - 2) // stride + 1
        if side < 2:
            raise ValueError(
                f'FlawDetector got images of {tuple(size)} px, for which its '
                f'strides {self.strides} give a flaw map of fewer than 2 x 2 '
                'positions. Use a larger crop_size, or smaller strides of '
                'the detector.')

    def forward(self, images: Tensor, probabilities: Tensor) -> Tensor:
        """Flaw map of predictions.

        Args:
            images (Tensor): Normalised, shape (N, in_channels, H, W).
            probabilities (Tensor): Class probabilities, shape
                (N, num_classes, H, W).

        Returns:
            Tensor: float32, shape (N, 1, H, W): near 0 where the prediction
            is right, near 1 where it is wrong, unbounded.

        Raises:
            ValueError: If the images are too small for the layers.
        """
        size = images.shape[2:]
        self.check_size(size)
        return F.interpolate(
            self.layers(torch.cat([images, probabilities], 1)).float(),
            size,
            mode='bilinear',
            align_corners=self.align_corners)
