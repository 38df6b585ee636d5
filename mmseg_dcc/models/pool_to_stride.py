"""Pooling of features to the stride at which they are compared (Sec. 4.1)."""
import math
from typing import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .head_features import encoder_features


def pool_to_stride(features: Tensor, crop_size: Sequence[int],
                   stride: int) -> Tensor:
    """Features, average-pooled if their stride is below ``stride``.

    Sec. 4.1: features of stride 4 are pooled 2x2, those of stride 8 are used
    as they are. Features of a larger stride are not pooled either.

    Args:
        features (Tensor): Shape (N, C, h, w).
        crop_size (tuple[int, int]): Height and width of the crop in pixels.
        stride (int): Minimum stride of the result in pixels.

    Returns:
        Tensor: Shape (N, C, H / s, W / s), where s, the stride of the
        result, is the smallest possible integer of at least ``stride``.

    Raises:
        ValueError: If pooling by an integer factor gives no integer stride.
    """
    got = tuple(features.shape[2:])
    distance = crop_size[0] / got[0]
    # Twice that is enough: features of stride 3.5 are pooled to 14.
    for found in range(stride, math.ceil(2 * max(stride, distance)) + 1):
        wanted = tuple(side // found for side in crop_size)
        kernel = got[0] // max(wanted[0], 1)
        if (kernel * wanted[0], kernel * wanted[1]) == got and not any(
                side % found for side in crop_size):
            return F.avg_pool2d(features, kernel) if kernel > 1 else features
    raise ValueError(
        f'Crops of {tuple(crop_size)} px gave features of {got}: their stride '
        f'is {distance:g} px. No pooling leads to an integer stride of at '
        f'least {stride} px (stride of the model). Set '
        'PairedRandomCrop.crop_size to a multiple of the stride of the '
        'backbone (usually of 32), or stride of the model to a multiple of '
        'the stride of the features.')


@torch.no_grad()
def dummy_features(segmentor: nn.Module, image_size: Sequence[int]) -> Tensor:
    """Features of an image of zeros, computed to find out their size.

    Args:
        segmentor (SemiEncoderDecoder): Runs in evaluation mode; its mode is
            restored.
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


def compared_stride(segmentor: nn.Module, crop_size: Sequence[int],
                    stride: int) -> int:
    """Stride in pixels of the features that are compared.

    Args:
        segmentor (SemiEncoderDecoder): See :func:`dummy_features`.
        crop_size (tuple[int, int]): Height and width in pixels.
        stride (int): See :func:`pool_to_stride`.

    Raises:
        ValueError: See :func:`pool_to_stride`.
    """
    features = dummy_features(segmentor, crop_size)
    return crop_size[1] // pool_to_stride(features, crop_size,
                                          stride).shape[-1]


def check_crop_stride(segmentor: nn.Module, crop_size: Sequence[int],
                      crop_stride: int, stride: int) -> None:
    """Checks that crop offsets are multiples of the stride of the features.

    Args:
        segmentor (SemiEncoderDecoder): See :func:`compared_stride`.
        crop_size (tuple[int, int]): ``crop_size`` of ``PairedRandomCrop``,
            in pixels.
        crop_stride (int): ``stride`` of ``PairedRandomCrop``, in pixels.
        stride (int): See :func:`pool_to_stride`.

    Raises:
        ValueError: If ``crop_stride`` is not such a multiple.
    """
    distance = compared_stride(segmentor, crop_size, stride)
    if crop_stride % distance:
        raise ValueError(
            f'PairedRandomCrop.stride={crop_stride} is not a multiple of '
            f'{distance} px, the stride of the compared features (stride of '
            'the model, or that of the network if it is larger). Set '
            f'PairedRandomCrop.stride={distance} and its crop_size to a '
            'multiple of that (or a smaller stride in the model, if the '
            'features are finer).')
