"""Geometry of a view of an unlabeled image."""
from dataclasses import dataclass, replace
from typing import Optional, Tuple

import torch
from torch import Tensor

Box = Tuple[int, int, int, int]

# Axes of a (..., h, w) map that a flip direction of mmcv reverses.
FLIP_AXES = {
    None: (),
    'horizontal': (-1, ),
    'vertical': (-2, ),
    'diagonal': (-2, -1)
}


@dataclass(frozen=True)
class ViewInfo:
    """Geometry of a view: its window in the image, valid box and flip.

    All computations with windows, padding and flips are in this class. Boxes
    are (top, left, bottom, right) in pixels, bottom and right exclusive. A
    map is *upright* if the flip of its view is undone.

    Args:
        window (tuple[int]): Window of the view in the image at the time of
            the crop (after resizing and flips of the whole image). It may
            extend beyond the image, where the view is padded.
        valid (tuple[int]): Part of the upright view that shows the image, in
            pixels of the view. The rest is padding.
        flip (str, optional): Direction of the flip of the view after the
            crop: 'horizontal', 'vertical', 'diagonal' or None.

    Raises:
        ValueError: If the direction of the flip is unknown.
    """

    window: Box
    valid: Box
    flip: Optional[str] = None

    def __post_init__(self) -> None:
        if self.flip not in FLIP_AXES:
            raise ValueError(
                f'Unknown flip direction {self.flip!r} of a view; expected '
                f'one of {[*FLIP_AXES]}. Change the direction of RandomFlip '
                'in the unlabeled pipeline.')

    # Instances are immutable, and mmengine deep-copies metainfo of samples.
    def __deepcopy__(self, memo: dict) -> 'ViewInfo':
        return self

    @property
    def _axes(self) -> Tuple[int, ...]:
        return FLIP_AXES[self.flip]

    @property
    def size(self) -> Tuple[int, int]:
        """Height and width of the view in pixels."""
        top, left, bottom, right = self.window
        return bottom - top, right - left

    def flipped(self, flip: Optional[str]) -> 'ViewInfo':
        """Geometry of this view after one more flip of a direction."""
        axes = set(replace(self, flip=flip)._axes) ^ set(self._axes)
        return replace(
            self,
            flip=next(name for name, reversed_axes in FLIP_AXES.items()
                      if set(reversed_axes) == axes))

    def flip_box(self, box: Box) -> Box:
        """Box of the upright view in coordinates of the flipped view.

        Or the inverse, since a flip undoes itself.

        Args:
            box (tuple[int]): Box in pixels.

        Returns:
            tuple[int]: Box in pixels.
        """
        (height, width), (top, left, bottom, right) = self.size, box
        if -2 in self._axes:
            top, bottom = height - bottom, height - top
        if -1 in self._axes:
            left, right = width - right, width - left
        return top, left, bottom, right

    # Flips and boxes change with each batch and would trigger recompilations.
    @torch.compiler.disable
    def upright(self, maps: Tensor) -> Tensor:
        """Maps with the flip undone, or applied, since it undoes itself.

        Args:
            maps (Tensor): Shape (..., h, w), any resolution.

        Returns:
            Tensor: Shape (..., h, w).
        """
        return maps.flip(self._axes) if self.flip else maps

    @torch.compiler.disable
    def cut(self, maps: Tensor, box: Box) -> Tensor:
        """Part of an upright map inside a box, in whole positions.

        Args:
            maps (Tensor): Upright map, shape (..., h, w). Each position
                represents a square of pixels of the view.
            box (tuple[int]): Box in pixels of the upright view. Top and left
                must be multiples of the stride of the map.

        Returns:
            Tensor: Shape (..., h', w').

        Raises:
            ValueError: If top or left is no such multiple.
        """
        distance = max(self.size[1] // maps.shape[-1], 1)
        top, left, bottom, right = (int(edge) for edge in box)
        if top % distance or left % distance:
            raise ValueError(
                f'The box {tuple(map(int, box))} of a view does not start at '
                f'a multiple of {distance} px, the stride of the compared '
                'features (stride of the model, or that of the network if it '
                f'is larger). Set PairedRandomCrop.stride={distance} and its '
                'crop_size to a multiple of that (or a smaller stride in the '
                'model, if the features are finer).')
        return maps[..., top // distance:bottom // distance,
                    left // distance:right // distance]

    def shared(self, other: 'ViewInfo') -> Tuple[Box, Box]:
        """Boxes of the overlap of two views, without padding.

        Args:
            other (ViewInfo): Another view of the same image.

        Returns:
            tuple: Box in this view and box in the other view, both upright
            and of the same size; (0, 0, 0, 0) if the views do not overlap.
        """
        in_image = [
            tuple(edge + view.window[i % 2]
                  for i, edge in enumerate(view.valid))
            for view in (self, other)
        ]
        top, left = (max(box[i] for box in in_image) for i in (0, 1))
        bottom = max(top, min(box[2] for box in in_image))
        right = max(left, min(box[3] for box in in_image))
        if bottom == top or right == left:
            return (0, 0, 0, 0), (0, 0, 0, 0)
        return tuple((top - view.window[0], left - view.window[1],
                      bottom - view.window[0], right - view.window[1])
                     for view in (self, other))

    @torch.compiler.disable
    def move(self, maps: Tensor, other: 'ViewInfo', fill: float) -> Tensor:
        """Maps of this view moved to the window and flip of another view.

        Args:
            maps (Tensor): Maps of this view, flipped like it, at its size,
                shape (..., H, W).
            other (ViewInfo): Another view of the same image.
            fill (float): Value of pixels that this view does not show.

        Returns:
            Tensor: Maps of the other view, flipped like it, shape
            (..., H', W').
        """
        own, theirs = self.shared(other)
        moved = maps.new_full((*maps.shape[:-2], *other.size), fill)
        moved[..., theirs[0]:theirs[2], theirs[1]:theirs[3]] = self.upright(
            maps)[..., own[0]:own[2], own[1]:own[3]]
        return other.upright(moved)

    def valid_mask(self, device=None) -> Tensor:
        """Mask of the flipped view that is False in the padding.

        Args:
            device (torch.device, optional): Device of the mask. Defaults to
                None: the CPU.

        Returns:
            Tensor: bool, shape (H, W).
        """
        mask = torch.zeros(self.size, dtype=torch.bool, device=device)
        top, left, bottom, right = self.valid
        mask[top:bottom, left:right] = True
        return self.upright(mask)
