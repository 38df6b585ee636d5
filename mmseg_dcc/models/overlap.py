"""Geometry of the overlap on feature maps: flips, boxes, padding."""
import math
from typing import List, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

# Axes of an (N, C, H, W) map that each flip direction of mmcv reverses.
_FLIP_AXES = {None: (), 'horizontal': (3, ), 'vertical': (2, ),
              'diagonal': (2, 3)}


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
        f'pixels from model.stride={stride} on. Set '
        'PairedRandomCrop.crop_size to a multiple of the stride of the '
        'backbone (usually of 32), or model.stride to a multiple of the '
        'distance.')


# Flips and boxes differ from batch to batch: each would be compiled anew.
@torch.compiler.disable
def undo_flips(maps: Tensor, flips: List[str]) -> Tensor:
    """Flips maps back to the orientation of the image.

    Args:
        maps (Tensor): Shape (N, C, h, w).
        flips (list[str | None]): Direction of each crop's flip.

    Returns:
        Tensor: Shape (N, C, h, w).
    """
    return torch.stack([
        single[None].flip(_FLIP_AXES[flip])[0]
        for single, flip in zip(maps, flips)
    ])


@torch.compiler.disable
def cut_boxes(maps: Tensor, boxes: Sequence, stride: int) -> Tensor:
    """Rows of the positions inside one box an image, image after image.

    Args:
        maps (Tensor): In the orientation of the image, shape (N, C, h, w).
        boxes (Sequence): Of each image (top, left, bottom, right) in pixels
            of the crop; multiples of ``stride``, lower right exclusive.
        stride (int): Pixels between two positions.

    Returns:
        Tensor: Shape (positions of all boxes, C).

    Raises:
        ValueError: If a box is not a multiple of ``stride``.
    """
    rows = []
    for single, box in zip(maps, boxes):
        if any(int(edge) % stride for edge in box):
            raise ValueError(
                f'The overlap box {tuple(map(int, box))} is not a multiple '
                f'of {stride} px, the distance of the features: model.stride '
                'or, if they are coarser, their own. Set '
                f'PairedRandomCrop.stride={stride} and its crop_size to a '
                'multiple of that (or a smaller model.stride, if the '
                'features are finer).')
        top, left, bottom, right = (int(edge) // stride for edge in box)
        rows.append(single[:, top:bottom, left:right].flatten(1).T)
    return torch.cat(rows)
