"""Masks as pictures that keep their ids."""
import numpy as np
from PIL import Image

UNKNOWN = 255
"""Id of a pixel that losses and metrics leave out."""


def voc_palette() -> np.ndarray:
    """Compute the colour map of PASCAL VOC.

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


def mask_image(mask: np.ndarray) -> Image.Image:
    """A picture of ids, with colours for the eye.

    Args:
        mask (np.ndarray): Ids, and ``UNKNOWN``, which is white, shape (h, w),
            uint8.

    Returns:
        Image: With a palette, the colours of VOC.
    """
    image = Image.fromarray(mask)
    colors = voc_palette()
    colors[UNKNOWN] = 255
    image.putpalette(colors.tobytes())
    return image
