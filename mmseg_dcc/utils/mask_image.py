"""Mask images: palette PNGs whose pixels are class ids."""
from typing import Optional, Sequence

import numpy as np
from PIL import Image

UNKNOWN = 255
"""Id of a pixel that losses and metrics ignore."""


def voc_palette() -> np.ndarray:
    """Colour map of PASCAL VOC.

    The bits of a class id, taken three at a time from the lowest, are the
    bits of red, green and blue from the highest.

    Returns:
        np.ndarray: Shape (256, 3), dtype uint8, RGB.
    """
    palette = np.zeros((256, 3), np.uint8)
    ids = np.arange(256)
    for bit in range(8):
        palette[:, bit % 3] |= ((ids >> bit & 1) << (7 - bit // 3)).astype(
            np.uint8)
    return palette


def mask_colors(palette: Optional[Sequence] = None) -> np.ndarray:
    """Colours of class ids.

    Args:
        palette (Sequence, optional): [red, green, blue] of the first ids.
            Defaults to None: the colours of VOC.

    Returns:
        np.ndarray: Shape (256, 3), dtype uint8, RGB. ``UNKNOWN`` is white,
        ids without a colour get that of VOC.
    """
    colors = voc_palette()
    colors[UNKNOWN] = 255
    if palette is not None and len(palette):
        colors[:len(palette)] = np.array(palette)[:, :3]
    return colors


def mask_image(mask: np.ndarray,
               palette: Optional[Sequence] = None) -> Image.Image:
    """Image of a mask with a colour palette.

    Args:
        mask (np.ndarray): Ids, and ``UNKNOWN``, which is white, shape (h, w),
            uint8.
        palette (Sequence, optional): See :func:`mask_colors`.

    Returns:
        Image: Palette image; its pixels are the ids.
    """
    image = Image.fromarray(mask)
    image.putpalette(mask_colors(palette).tobytes())
    return image
