"""CutMix of images and their masks (French et al., BMVC 2020)."""
from typing import Sequence, Tuple

import torch
from torch import Tensor


def random_boxes(count: int, size: Sequence[int],
                 area_range: Sequence[float]) -> Tensor:
    """Draws a box an image.

    Args:
        count (int): Images.
        size (tuple[int, int]): Height and width in pixels.
        area_range (tuple[float, float]): Share of the image that a box
            covers, in (0, 1]. Its sides have a ratio between 1/2 and 2,
            unless the image is too short for that.

    Returns:
        Tensor: bool, shape (count, 1, height, width), True inside.
    """
    area, height_ratio = torch.rand(2, count)
    area = area_range[0] + area * (area_range[1] - area_range[0])
    # between 1/2 and 2, as often above 1 as below
    height_ratio = 2**(2 * height_ratio - 1)
    inside = torch.ones(count, 1, 1, 1, dtype=torch.bool)
    sides = ((area * height_ratio).sqrt(), (area / height_ratio).sqrt())
    for axis, (length, share) in enumerate(zip(size, sides)):
        side = (share * length).round().clamp(1, length)
        start = (torch.rand(count) * (length - side + 1)).floor()
        position = torch.arange(length)
        along = (position >= start[:, None]) & (
            position < (start + side)[:, None])
        inside = inside & (
            along[:, None, :, None] if axis == 0 else along[:, None, None])
    return inside


def cutmix(images: Tensor, masks: Tensor,
           boxes: Tensor) -> Tuple[Tensor, Tensor]:
    """Pastes the inside of each box from the image before in the batch.

    Args:
        images (Tensor): Shape (N, channels, height, width).
        masks (Tensor): Shape (N, height, width).
        boxes (Tensor): Of :func:`random_boxes`.

    Returns:
        tuple[Tensor, Tensor]: Mixed images and masks, of the shapes given.
    """
    boxes = boxes.to(images.device)
    return (torch.where(boxes, images.roll(1, 0), images),
            torch.where(boxes[:, 0], masks.roll(1, 0), masks))
