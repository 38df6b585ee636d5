"""Geometry of the overlap on feature maps: flips, boxes, padding."""
from typing import List, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

# Axes of an (N, C, H, W) map that each flip direction of mmcv reverses.
_FLIP_AXES = {None: (), 'horizontal': (3, ), 'vertical': (2, ),
              'diagonal': (2, 3)}


def pool_to_stride(features: Tensor, crop_size: Sequence[int],
                   stride: int) -> Tensor:
    """Average-pools features to one position every ``stride`` pixels.

    Sec. 4.1: features at 1/4 are pooled 2x2, those at 1/8 are used as they
    are.

    Args:
        features (Tensor): Shape (N, C, h, w).
        crop_size (tuple[int, int]): Height and width of the crop in pixels.
        stride (int): Wanted distance of two positions in pixels.

    Returns:
        Tensor: Shape (N, C, H / stride, W / stride).

    Raises:
        ValueError: If no whole-numbered pooling leads there.
    """
    wanted = tuple(side // stride for side in crop_size)
    if any(side % stride for side in crop_size):
        raise ValueError(
            f'The crop size {tuple(crop_size)} is not a multiple of the '
            f'stride {stride}. Change PairedRandomCrop.crop_size, or '
            'PairedRandomCrop.stride and model.stride.')
    got = tuple(features.shape[2:])
    kernel = got[0] // wanted[0]
    if kernel < 1 or tuple(side * kernel for side in wanted) != got:
        raise ValueError(
            f'Crops of {tuple(crop_size)} px gave features of {got}, that is '
            f'one every {crop_size[0] / got[0]:g} px, which cannot be pooled '
            f'to stride {stride} (features of {wanted}). Set model.stride '
            'and PairedRandomCrop.stride to the stride of the features or a '
            'multiple of it.')
    return features if kernel == 1 else F.avg_pool2d(features, kernel)


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
                f'of model.stride={stride}. Give PairedRandomCrop the same '
                'stride as the model.')
        top, left, bottom, right = (int(edge) // stride for edge in box)
        rows.append(single[:, top:bottom, left:right].flatten(1).T)
    return torch.cat(rows)
