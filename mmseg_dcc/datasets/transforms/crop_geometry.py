"""Which pairs of crops are allowed, and what they share."""
from typing import List, Tuple

import numpy as np

Size = Tuple[int, int]
Box = Tuple[int, int, int, int]


def feasible_offsets(image_size: Size, crop_size: Size,
                     iou_range: Tuple[float, float],
                     stride: int) -> np.ndarray:
    """All offsets between two crops that fit the image and the IoU range.

    Args:
        image_size (tuple[int, int]): Height and width in pixels. Where the
            image is smaller than the crop, both crops show all of it.
        crop_size (tuple[int, int]): Height and width in pixels.
        iou_range (tuple[float, float]): Lowest and highest IoU, inclusive.
        stride (int): Every offset is a multiple of it, in pixels.

    Returns:
        np.ndarray: Integers, shape (k, 2): down, right. k may be 0.
    """
    axes = []
    for side, crop in zip(image_size, crop_size):
        # At least one position must overlap, whatever the range.
        reach = min(max(side - crop, 0), crop - stride) // stride
        axes.append(np.arange(-reach, reach + 1) * stride)
    down, right = np.meshgrid(*axes, indexing='ij')
    shared = ((crop_size[0] - abs(down)) * (crop_size[1] - abs(right)))
    both = 2 * crop_size[0] * crop_size[1] - shared
    # Products instead of the quotient: exact at the ends of the range.
    tolerance = 1e-9 * both
    within = ((shared >= iou_range[0] * both - tolerance) &
              (shared <= iou_range[1] * both + tolerance))
    return np.stack([down[within], right[within]], axis=1)


def valid_box(image_size: Size, crop_size: Size, stride: int) -> Box:
    """Positions of a crop that show no padding.

    Args:
        image_size (tuple[int, int]): Height and width before padding.
        crop_size (tuple[int, int]): Height and width of the crop.
        stride (int): Pixels between two positions.

    Returns:
        tuple: (top, left, bottom, right) in pixels of the crop, multiples of
        ``stride``; may be empty for an image smaller than the stride.
    """
    bottom, right = (
        min(side, crop) // stride * stride
        for side, crop in zip(image_size, crop_size))
    return 0, 0, bottom, right


def overlap_boxes(corners: Tuple[Size, Size], image_size: Size,
                  crop_size: Size, stride: int) -> List[Box]:
    """The part that both crops show, in pixels of each crop.

    Args:
        corners (tuple): (top, left) of both crops in the image; their
            difference is a multiple of ``stride``.
        image_size (tuple[int, int]): Height and width before padding.
        crop_size (tuple[int, int]): Height and width of the crops.
        stride (int): Pixels between two positions.

    Returns:
        list[tuple]: (top, left, bottom, right) in crop 1 and in crop 2, lower
        right exclusive, multiples of ``stride``, without padding.
    """
    first, second = np.array(corners)
    start = np.maximum(first, second)
    extent = np.array(valid_box(image_size, crop_size,
                                stride)[2:]) - abs(first - second)
    return [
        tuple(int(edge) for edge in (*(start - own), *(start - own + extent)))
        for own in (first, second)
    ]
