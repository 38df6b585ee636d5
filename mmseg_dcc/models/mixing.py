"""Mixing of images, labels and scores within a batch, and its masks."""
import math
from typing import Sequence

import torch
from torch import Tensor

# Candidates drawn for each box. At an area of 0.4 one in twenty fits inside
# the image, so that practically always one of 256 does.
_TRIES = 256
PARTNERS = ('roll', 'flip')
NO_CLASS = -1
"""Label of a pixel that belongs to no class, such as padding."""


def cutmix_boxes(count: int,
                 size: Sequence[int],
                 area_range: Sequence[float] = (0.02, 0.4),
                 ratio_range: Sequence[float] = (0.3, 1 / 0.3),
                 prob: float = 1.) -> Tensor:
    """CutMix masks of one random box per image, drawn on the CPU.

    Area, aspect ratio and upper left corner are uniform; ratio and corner
    are drawn again until the box lies inside the image. Boxes are therefore
    more often central than at the border, and closer to a square.

    Args:
        count (int): Number of images.
        size (tuple[int, int]): Height and width in pixels.
        area_range (tuple[float, float]): Share of the image that a box
            covers, in (0, 1]. A box of almost the whole image rarely fits;
            it is then cut and moved into the image. Defaults to (0.02, 0.4),
            UniMatch.
        ratio_range (tuple[float, float]): Share of the height over share of
            the width, > 0. In a square image that is height over width.
            Defaults to (0.3, 1 / 0.3), UniMatch.
        prob (float): Probability that an image has a box, in [0, 1].
            Defaults to 1; UniMatch uses 0.5.

    Returns:
        Tensor: bool, shape (count, 1, height, width), True inside.
    """
    boxes = draw_boxes(count, size, area_range, ratio_range)
    return _inside(boxes, size) & (torch.rand(count, 1, 1, 1) < prob)


def draw_boxes(count: int, size: Sequence[int], area_range: Sequence[float],
               ratio_range: Sequence[float]) -> Tensor:
    """Edges of the boxes of :func:`cutmix_boxes`.

    Returns:
        Tensor: int64, shape (count, 4): top, left, bottom, right in pixels,
        bottom and right exclusive.
    """
    area = _uniform((count, 1), *area_range)
    ratio = _uniform((count, _TRIES), *ratio_range)
    sides = torch.tensor(size)
    shares = torch.stack([area * ratio, area / ratio], -1).sqrt()
    lengths = (shares * sides).long()
    starts = (torch.rand(count, _TRIES, 2) * sides).long()
    fits = (starts + lengths <= sides).all(-1)
    rows, first = torch.arange(count), fits.int().argmax(1)
    # No change for a box that fits, unless it has no pixel.
    lengths = lengths[rows, first].clamp(min=1).minimum(sides)
    starts = starts[rows, first].minimum(sides - lengths)
    return torch.cat([starts, starts + lengths], 1)


def three_box_masks(count: int, size: Sequence[int]) -> Tensor:
    """CutMix masks of CPS: three random boxes per image, drawn on the CPU.

    The area of each box is a third of a uniform number between 1/4 and 1/2
    of the image; aspect ratio and position are random. The mask is the
    exclusive or of the boxes: False where two of them overlap.

    Args:
        count (int): Number of images.
        size (tuple[int, int]): Height and width in pixels.

    Returns:
        Tensor: bool, shape (count, 1, height, width). On average a quarter
        of the pixels is True.
    """
    return three_box_masks_from(
        _uniform((count, 3), 0.25, 0.5), torch.rand(count, 3),
        torch.rand(count, 3, 2), size)


def three_box_masks_from(area: Tensor, exponent: Tensor, place: Tensor,
                         size: Sequence[int]) -> Tensor:
    """Masks of :func:`three_box_masks` from given draws.

    Args:
        area (Tensor): Three times a box's share of the image, in (0, 1],
            shape (count, 3).
        exponent (Tensor): In [0, 1], shape (count, 3). The height is the
            area to this power, the width the area to the rest.
        place (Tensor): In [0, 1], shape (count, 3, 2). Vertical and
            horizontal position within the range in which the box fits.
        size (tuple[int, int]): Height and width in pixels.

    Returns:
        Tensor: bool, shape (count, 1, height, width).
    """
    shares = torch.stack([area**exponent, area**(1 - exponent)], -1)
    boxes = _placed(shares * math.sqrt(1 / 3), place, size)
    first, second, third = (_inside(each, size) for each in boxes.unbind(1))
    return first ^ second ^ third


def half_box_masks(count: int, size: Sequence[int]) -> Tensor:
    """CutMix-Seg masks of one box of half the image, drawn on the CPU.

    The height, as a share of the image, is 0.5 to a uniform power; the width
    follows from the area of one half. The position is uniform.

    Args:
        count (int): Number of images.
        size (tuple[int, int]): Height and width in pixels.

    Returns:
        Tensor: bool, shape (count, 1, height, width), True inside.
    """
    return half_box_masks_from(
        torch.rand(count), torch.rand(count, 2), size)


def half_box_masks_from(exponent: Tensor, place: Tensor,
                        size: Sequence[int]) -> Tensor:
    """Masks of :func:`half_box_masks` from given draws.

    Args:
        exponent (Tensor): In [0, 1], shape (count, ). The height is 0.5 to
            this power, the width 0.5 to the rest.
        place (Tensor): In [0, 1], shape (count, 2). Vertical and horizontal
            position within the range in which the box fits.
        size (tuple[int, int]): Height and width in pixels.

    Returns:
        Tensor: bool, shape (count, 1, height, width).
    """
    shares = 0.5**torch.stack([exponent, 1 - exponent], -1)
    return _inside(_placed(shares, place, size), size)


def class_masks(labels: Tensor) -> Tensor:
    """ClassMix masks of half of the classes of each image.

    Of the n classes of an image, floor(n / 2) are drawn uniformly on the CPU
    (Olsson et al., WACV 2021). The mask of an image of one class is empty.

    Args:
        labels (Tensor): int64, shape (N, H, W). Negative ids
            (:data:`NO_CLASS`) belong to no class.

    Returns:
        Tensor: bool, shape (N, 1, H, W), True on the drawn classes.
    """
    classes = max(int(labels.max()) + 1, 1)
    return class_masks_from(labels, torch.rand(len(labels), classes))


def class_masks_from(labels: Tensor, keys: Tensor) -> Tensor:
    """Masks of :func:`class_masks` from given draws.

    Args:
        labels (Tensor): int64, shape (N, H, W).
        keys (Tensor): In [0, 1), shape (N, C) with C above the highest
            label. The classes with the lowest keys are drawn.

    Returns:
        Tensor: bool, shape (N, 1, H, W).
    """
    keys = keys.to(labels.device)
    flat = labels.flatten(1)
    known = flat >= 0
    ids = flat.clamp(min=0)
    present = torch.zeros_like(keys).scatter_reduce(
        1, ids, known.to(keys.dtype), 'amax').bool()
    ranks = keys.masked_fill(~present, 2.).argsort(1).argsort(1)
    # An absent class ranks behind every present one.
    drawn = ranks < present.sum(1, keepdim=True) // 2
    return (drawn.gather(1, ids) & known).view_as(labels)[:, None]


def mix(own: Tensor, partner: Tensor, mask: Tensor) -> Tensor:
    """Maps in which the masked region is replaced by the partner's.

    Args:
        own (Tensor): Shape (N, H, W) or (N, channels, H, W), any dtype.
        partner (Tensor): Same shape and dtype; see :func:`partners`.
        mask (Tensor): bool, shape (N, 1, H, W), True where the partner is
            pasted, such as the result of :func:`cutmix_boxes`.

    Returns:
        Tensor: Same shape and dtype.
    """
    mask = mask.to(own.device)
    return torch.where(mask if own.ndim == 4 else mask[:, 0], partner, own)


def partners(tensor: Tensor, how: str) -> Tensor:
    """Batch reordered so that each image is replaced by its partner.

    Args:
        tensor (Tensor): Shape (N, ...).
        how (str): ``'roll'``: the partner is the previous image of the
            batch, for the first image the last one. ``'flip'``: the batch is
            reversed, as in UniMatch V2; the middle image of an odd batch is
            its own partner.

    Returns:
        Tensor: Shape (N, ...). A batch of one is its own partner.

    Raises:
        ValueError: If ``how`` is unknown.
    """
    if how == 'roll':
        return tensor.roll(1, 0)
    if how == 'flip':
        return tensor.flip(0)
    raise ValueError(f'partner must be one of {PARTNERS}, got {how!r}. '
                     'Change mix.partner of the term in model.terms.')


def _uniform(shape, low, high):
    return low + (high - low) * torch.rand(shape)


def _placed(shares, place, size):
    """Edges of boxes from their shares of the sides, shape (..., 4)."""
    sides = torch.tensor(size)
    lengths = (shares * sides).round().long()
    starts = ((sides - lengths) * place).round().long()
    return torch.cat([starts, starts + lengths], -1)


def _inside(boxes, size):
    """Masks (count, 1, height, width) of boxes (count, 4)."""
    height, width = size
    top, left, bottom, right = boxes[:, :, None].unbind(1)
    row, column = torch.arange(height), torch.arange(width)
    rows = (row >= top) & (row < bottom)
    columns = (column >= left) & (column < right)
    return rows[:, None, :, None] & columns[:, None, None]
