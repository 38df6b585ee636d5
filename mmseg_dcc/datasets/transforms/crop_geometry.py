"""Offsets between two crops that overlap as required."""
from typing import Tuple

import numpy as np

Size = Tuple[int, int]


def feasible_offsets(image_size: Size, crop_size: Size,
                     iou_range: Tuple[float, float],
                     stride: int) -> np.ndarray:
    """Offsets between two crops that fit the image and the IoU range.

    Args:
        image_size (tuple[int, int]): Height and width in pixels. If the
            image is smaller than the crop, both crops show all of it.
        crop_size (tuple[int, int]): Height and width in pixels.
        iou_range (tuple[float, float]): Lowest and highest IoU, inclusive.
        stride (int): Every offset is a multiple of it, in pixels.

    Returns:
        np.ndarray: Integers, shape (k, 2): down, right. k may be 0.
    """
    axes = []
    for side, crop in zip(image_size, crop_size):
        # at least one position must overlap, whatever the range is
        reach = min(max(side - crop, 0), crop - stride) // stride
        axes.append(np.arange(-reach, reach + 1) * stride)
    down, right = np.meshgrid(*axes, indexing='ij')
    shared = ((crop_size[0] - abs(down)) * (crop_size[1] - abs(right)))
    both = 2 * crop_size[0] * crop_size[1] - shared
    # products instead of a quotient: exact at the ends of the range
    tolerance = 1e-9 * both
    within = ((shared >= iou_range[0] * both - tolerance) &
              (shared <= iou_range[1] * both + tolerance))
    return np.stack([down[within], right[within]], axis=1)
