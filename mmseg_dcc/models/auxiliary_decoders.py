"""Auxiliary decoders of CCT (Ouali et al., CVPR 2020)."""
import math
from typing import Optional

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from .pool_to_stride import dummy_features


@MODELS.register_module()
class AuxiliaryDecoder(BaseModule):
    """Auxiliary decoder of CCT: 1x1 convolutions and pixel shuffles.

    A 1x1 convolution gives class scores. Each stage then doubles the
    resolution: 1x1 convolution to four times the channels, ReLU, pixel
    shuffle. A ReLU also follows the last convolution, so that no logit is
    negative.

    Args:
        in_channels (int): Channels of the features.
        num_classes (int): Channels of the scores.
        upscale (int): Size of the scores over the size of the features, a
            power of 2. Defaults to 8, the stride of the published PSPNet.
        init_cfg (dict, optional): Initialisation config. Defaults to None:
            as published, Kaiming normal, stages that start as nearest
            upsampling (:func:`icnr_`), and torch's default for biases.

    Raises:
        ValueError: If ``upscale`` is not a power of 2.

    Examples:
        >>> decoder = dict(
        ...     type='AuxiliaryDecoder', in_channels=512, num_classes=21,
        ...     upscale=8)
    """

    def __init__(self,
                 in_channels: int,
                 num_classes: int,
                 upscale: int = 8,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        stages = int(upscale).bit_length() - 1
        if 2**stages != upscale:
            raise ValueError('AuxiliaryDecoder doubles the resolution in each '
                             'stage: expected an upscale of 1, 2, 4, ..., got '
                             f'{upscale}. Set stride of CrossConsistency in '
                             'model.terms.')
        first = nn.Conv2d(in_channels, num_classes, 1, bias=False)
        nn.init.kaiming_normal_(first.weight, nonlinearity='relu')
        layers = [first]
        for _ in range(stages):
            conv = nn.Conv2d(num_classes, 4 * num_classes, 1)
            icnr_(conv.weight)
            layers += [conv, nn.ReLU(inplace=True), nn.PixelShuffle(2)]
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """Class scores of features.

        Args:
            features (Tensor): Shape (N, in_channels, h, w).

        Returns:
            Tensor: Logits, shape
            (N, num_classes, upscale * h, upscale * w).
        """
        return self.layers(features)


@torch.no_grad()
def icnr_(weight: Tensor, scale: int = 2) -> Tensor:
    """Initialises a convolution before a pixel shuffle, in place (ICNR).

    Channels that the shuffle places next to each other get the same kernel,
    drawn from Kaiming's normal distribution. This avoids checkerboard
    artefacts at the start (Aitken et al., 2017).

    Args:
        weight (Tensor): Shape (scale ** 2 * channels, in_channels, kh, kw).
        scale (int): Upscale factor of the shuffle. Defaults to 2.

    Returns:
        Tensor: ``weight``.
    """
    kernels = torch.empty_like(weight[::scale**2])
    nn.init.kaiming_normal_(kernels, nonlinearity='relu')
    return weight.copy_(kernels.repeat_interleave(scale**2, 0))


def feature_stride(segmentor: nn.Module) -> float:
    """Stride of the segmentor's features in pixels.

    Args:
        segmentor (SemiEncoderDecoder): Run once on an image of zeros of
            128 px, or of ``data_preprocessor.size`` if that fails.
    """
    size = segmentor.data_preprocessor.size
    try:
        features = dummy_features(segmentor, (128, 128))
    except Exception:  # networks raise different errors for a wrong size
        if size is None:
            raise
        return size[1] / dummy_features(segmentor, size).shape[-1]
    return 128 / features.shape[-1]


def nearest_upscale(stride: float) -> int:
    """Power of 2 nearest to a stride: 8 for 8, 16 for the 14 of a ViT.

    Args:
        stride (float): Stride of the features in pixels.
    """
    return 2**max(round(math.log2(stride)), 0)
