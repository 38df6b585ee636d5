"""Features at the distance at which they are compared (Sec. 4.1)."""
import math
from typing import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .head_features import encoder_features


def pool_to_stride(features: Tensor, crop_size: Sequence[int],
                   stride: int) -> Tensor:
    """Average-pools features that are finer than ``stride``.

    Sec. 4.1: features at 1/4 are pooled 2x2, those at 1/8 are used as they
    are. So are coarser ones, at the stride that they have.

    Args:
        features (Tensor): Shape (N, C, h, w).
        crop_size (tuple[int, int]): Height and width of the crop in pixels.
        stride (int): Least distance of two positions in pixels.

    Returns:
        Tensor: Shape (N, C, H / s, W / s), with s the stride found: a whole
        number of pixels, at least ``stride``.

    Raises:
        ValueError: If no whole-numbered pooling leads there.
    """
    got = tuple(features.shape[2:])
    distance = crop_size[0] / got[0]
    # Twice as far is enough: features every 3.5 px are pooled to 14.
    for found in range(stride, math.ceil(2 * max(stride, distance)) + 1):
        wanted = tuple(side // found for side in crop_size)
        kernel = got[0] // max(wanted[0], 1)
        if (kernel * wanted[0], kernel * wanted[1]) == got and not any(
                side % found for side in crop_size):
            return F.avg_pool2d(features, kernel) if kernel > 1 else features
    raise ValueError(
        f'Crops of {tuple(crop_size)} px gave features of {got}, that is one '
        f'every {distance:g} px, which cannot be pooled to a whole number of '
        f'pixels from stride={stride} of the model on. Set '
        'PairedRandomCrop.crop_size to a multiple of the stride of the '
        'backbone (usually of 32), or that stride to a multiple of the '
        'distance.')


@torch.no_grad()
def tried_features(segmentor: nn.Module, image_size: Sequence[int]) -> Tensor:
    """Features of an empty image, tried for their size.

    Args:
        segmentor (SemiEncoderDecoder): Tried in evaluation mode; its mode is
            put back.
        image_size (tuple[int, int]): Height and width in pixels.

    Returns:
        Tensor: Shape (1, channels, h, w).
    """
    was_training = segmentor.training
    images = next(segmentor.parameters()).new_zeros(
        1, segmentor.in_channels, *image_size)
    try:
        return encoder_features(segmentor.eval(), images)
    finally:
        segmentor.train(was_training)


def compared_distance(segmentor: nn.Module, crop_size: Sequence[int],
                      stride: int) -> int:
    """Distance in pixels at which features of such crops are compared.

    Args:
        segmentor (SemiEncoderDecoder): See :func:`tried_features`.
        crop_size (tuple[int, int]): Height and width in pixels.
        stride (int): See :func:`pool_to_stride`.

    Raises:
        ValueError: If there is none.
    """
    features = tried_features(segmentor, crop_size)
    return crop_size[1] // pool_to_stride(features, crop_size,
                                          stride).shape[-1]


def check_moves(segmentor: nn.Module, crop_size: Sequence[int],
                crop_stride: int, stride: int) -> None:
    """Tells before training whether crops are moved by whole positions.

    Args:
        segmentor (SemiEncoderDecoder): See :func:`compared_distance`.
        crop_size (tuple[int, int]): Of ``PairedRandomCrop``, in pixels.
        crop_stride (int): Likewise.
        stride (int): See :func:`pool_to_stride`.

    Raises:
        ValueError: If they are not.
    """
    distance = compared_distance(segmentor, crop_size, stride)
    if crop_stride % distance:
        raise ValueError(
            f'PairedRandomCrop.stride={crop_stride} is not a multiple of '
            f'{distance} px, the distance of the compared features: stride '
            'of the model or, if they are coarser, their own. Set '
            f'PairedRandomCrop.stride={distance} and its crop_size to a '
            'multiple of that (or a smaller stride in the model, if the '
            'features are finer).')
