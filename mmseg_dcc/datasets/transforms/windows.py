"""Cutting of windows from an image and its masks."""
from typing import Sequence, Tuple, Union

import numpy as np

from ...structures import ViewInfo

Size = Tuple[int, int]
PadVal = Union[None, float, Sequence[float]]

UNKNOWN = 255
"""Id of a pixel without a label in mask files."""

IMAGENET_MEAN = (104, 116, 124)
"""BGR, rounded: 0 after the usual normalisation."""


def cut_windows(results: dict, corners: Sequence[Size], crop_size: Size,
                pad_val: PadVal, owner: str) -> dict:
    """Replaces an image and its masks by windows.

    Args:
        results (dict): ``img`` of shape (H, W) or (H, W, C), of any dtype;
            if present, ``gt_seg_map`` and ``weak_seg_map``, shape (H, W).
        corners (Sequence[tuple]): (top, left) of each window in the image.
        crop_size (tuple[int, int]): Height and width of a window. Pixels
            below or right of the image are padding.
        pad_val (None | float | Sequence[float]): See :func:`padding_like`.
        owner (str): Name of the transform that cuts, for errors.

    Returns:
        dict: ``results`` with ``windows`` (one ``dict(img=, masks=, info=)``
        for each corner) and ``img_shape``, without image and masks. Windows
        without padding share the memory of the image.

    Raises:
        ValueError: If a mask and the image differ in size, or ``pad_val``
            does not fit its channels.
    """
    image = results.pop('img')
    size = image.shape[:2]
    fill = padding_like(image, pad_val, owner)
    masks = {
        kind: results.pop(f'{kind}_seg_map')
        for kind in ('gt', 'weak') if f'{kind}_seg_map' in results
    }
    for kind, mask in masks.items():
        if mask.shape != size:
            raise ValueError(
                f'{kind}_seg_map has the size {mask.shape}, the image {size} '
                f'(height, width). Transforms before {owner} must transform '
                'all seg_fields, as those of mmseg do.')
    valid = (0, 0, *map(min, zip(size, crop_size)))
    results['windows'] = [
        dict(
            img=_cut(image, corner, crop_size, fill),
            masks={
                kind: _cut(mask, corner, crop_size, UNKNOWN)
                for kind, mask in masks.items()
            },
            info=ViewInfo((*corner, *np.add(corner, crop_size).tolist()),
                          valid)) for corner in corners
    ]
    results['img_shape'] = crop_size
    return results


def padding_like(image: np.ndarray, pad_val: PadVal, owner: str) -> np.ndarray:
    """Value of a padded pixel of an image.

    Args:
        image (np.ndarray): Shape (H, W) or (H, W, C).
        pad_val (None | float | Sequence[float]): A number, or one for each
            channel. None: the mean of ImageNet in uint8 images of three
            channels, which are assumed to be BGR, and 0 in others.
        owner (str): Name of the transform with this key, for errors.

    Returns:
        np.ndarray: Pixel of the shape and dtype of ``image[0, 0]``.

    Raises:
        ValueError: If there is not one number for each channel.
    """
    channels = image.shape[2] if image.ndim == 3 else 1
    if pad_val is None:
        is_bgr = channels == 3 and image.dtype == np.uint8
        pad_val = IMAGENET_MEAN if is_bgr else 0
    if np.ndim(pad_val) and len(pad_val) != channels:
        raise ValueError(
            f'{owner}.pad_val={tuple(pad_val)} has {len(pad_val)} values, but '
            f'the images have {channels} channel(s). Set {owner}.pad_val to '
            f'one number or to {channels}, or leave it out.')
    pixel = np.empty(image.shape[2:], image.dtype)
    pixel[...] = pad_val if pixel.ndim else np.ravel(pad_val)[0]
    return pixel


def as_size(crop_size: Union[int, Size], owner: str) -> Size:
    """Height and width of a window, from one number or two.

    Args:
        crop_size (int | tuple[int, int]): One side of a square, or both.
        owner (str): Name of the transform with this key, for errors.

    Returns:
        tuple[int, int]: Height and width.

    Raises:
        ValueError: If these are not two positive whole numbers.
    """
    size = tuple(np.ravel(crop_size).tolist())
    if np.ndim(crop_size) == 0:
        size *= 2
    if len(size) != 2 or not all(
            isinstance(side, int) and side > 0 for side in size):
        raise ValueError(
            f'{owner}.crop_size must be (height, width) in pixels or one '
            f'number for a square, got {crop_size!r}.')
    return size


def _cut(image: np.ndarray, corner: Size, size: Size, fill) -> np.ndarray:
    (top, left), (height, width) = corner, size
    window = image[top:top + height, left:left + width]
    if window.shape[:2] == size:
        return window
    # row by row: filling pixel by pixel is far slower
    row = np.full((width, *image.shape[2:]), fill, image.dtype)
    padded = np.repeat(row[None], height, axis=0)
    padded[:window.shape[0], :window.shape[1]] = window
    return padded
