"""Geometry of one view of an unlabeled image, in one place."""
from dataclasses import dataclass, replace
from typing import Optional, Tuple

import torch
from torch import Tensor

Box = Tuple[int, int, int, int]

# Axes of a (..., h, w) map that each flip direction of mmcv reverses.
FLIP_AXES = {
    None: (),
    'horizontal': (-1, ),
    'vertical': (-2, ),
    'diagonal': (-2, -1)
}


@dataclass(frozen=True)
class ViewInfo:
    """Where a view lies in its image: window, valid box and flip.

    The only owner of geometry: nothing else computes with windows, padding
    and flips. Boxes are (top, left, bottom, right) in pixels, lower right
    exclusive. A map is *upright* when the flip of its view is undone.

    Args:
        window (tuple[int]): The view in the image as it was when the window
            was cut (resized, perhaps flipped as a whole). May reach beyond
            the image, where the view is padded.
        valid (tuple[int]): The part of the upright view that shows the
            image, in pixels of the view; the rest is padding.
        flip (str, optional): Direction in which the view was flipped after
            it was cut: 'horizontal', 'vertical', 'diagonal' or None.

    Raises:
        ValueError: If the direction of the flip is unknown.
    """

    window: Box
    valid: Box
    flip: Optional[str] = None

    def __post_init__(self) -> None:
        if self.flip not in FLIP_AXES:
            raise ValueError(
                f'A view is flipped {self.flip!r}; expected one of '
                f'{[*FLIP_AXES]}. Change the direction of RandomFlip in the '
                'unlabeled pipeline.')

    # Immutable, and mmengine copies the metainfo of samples deeply.
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
        """This view after one more flip of the given direction."""
        axes = set(replace(self, flip=flip)._axes) ^ set(self._axes)
        return replace(
            self,
            flip=next(name for name, reversed_axes in FLIP_AXES.items()
                      if set(reversed_axes) == axes))

    def flip_box(self, box: Box) -> Box:
        """Where a box of the upright view lies in the view as it was seen.

        The reverse, too: a flip undoes itself.

        Args:
            box (tuple[int]): In pixels.

        Returns:
            tuple[int]: In pixels.
        """
        (height, width), (top, left, bottom, right) = self.size, box
        if -2 in self._axes:
            top, bottom = height - bottom, height - top
        if -1 in self._axes:
            left, right = width - right, width - left
        return top, left, bottom, right

    # Flips and boxes differ from batch to batch: each would be compiled anew.
    @torch.compiler.disable
    def upright(self, maps: Tensor) -> Tensor:
        """Undoes the flip, or does it: a flip undoes itself.

        Args:
            maps (Tensor): Shape (..., h, w), of any resolution.

        Returns:
            Tensor: Shape (..., h, w).
        """
        return maps.flip(self._axes) if self.flip else maps

    @torch.compiler.disable
    def cut(self, maps: Tensor, box: Box) -> Tensor:
        """The whole positions of an upright map that lie inside a box.

        Args:
            maps (Tensor): Upright, shape (..., h, w); each position stands
                for a square of the view's pixels.
            box (tuple[int]): In pixels of the upright view. Its upper left
                must be a multiple of the distance of two positions.

        Returns:
            Tensor: Shape (..., h', w').

        Raises:
            ValueError: If the box does not begin at a position.
        """
        distance = max(self.size[1] // maps.shape[-1], 1)
        top, left, bottom, right = (int(edge) for edge in box)
        if top % distance or left % distance:
            raise ValueError(
                f'The box {tuple(map(int, box))} of a view does not begin at '
                f'a multiple of {distance} px, the distance of the features: '
                'stride of the model or, if they are coarser, their own. Set '
                f'PairedRandomCrop.stride={distance} and its crop_size to a '
                'multiple of that (or a smaller stride in the model, if the '
                'features are finer).')
        return maps[..., top // distance:bottom // distance,
                    left // distance:right // distance]

    def shared(self, other: 'ViewInfo') -> Tuple[Box, Box]:
        """The part of the image that two views show, padding left out.

        Args:
            other (ViewInfo): Another view of the same image.

        Returns:
            tuple: The box in this view and in the other, upright, of one
            size; empty where the views do not overlap.
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
        """Shows a map of this view as another view sees it.

        Args:
            maps (Tensor): As this view was seen (flipped), at its size,
                shape (..., H, W).
            other (ViewInfo): The other view of the image.
            fill (float): Value of what this view does not show.

        Returns:
            Tensor: As the other view was seen, shape (..., H', W').
        """
        own, theirs = self.shared(other)
        moved = maps.new_full((*maps.shape[:-2], *other.size), fill)
        moved[..., theirs[0]:theirs[2], theirs[1]:theirs[3]] = self.upright(
            maps)[..., own[0]:own[2], own[1]:own[3]]
        return other.upright(moved)

    def valid_mask(self, device=None) -> Tensor:
        """True where the view, as it was seen, shows the image.

        Returns:
            Tensor: bool, shape (H, W).
        """
        mask = torch.zeros(self.size, dtype=torch.bool, device=device)
        top, left, bottom, right = self.valid
        mask[top:bottom, left:right] = True
        return self.upright(mask)
