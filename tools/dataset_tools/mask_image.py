"""Masks as pictures that keep their ids."""
import numpy as np
from mmseg.utils import get_palette
from PIL import Image

UNKNOWN = 255
"""Id of a pixel that losses and metrics leave out."""


def mask_image(mask: np.ndarray) -> Image.Image:
    """A picture of ids, with colours for the eye.

    Args:
        mask (np.ndarray): Ids, and ``UNKNOWN``, which is white, shape (h, w),
            uint8.

    Returns:
        Image: With a palette, the colours of VOC.
    """
    image = Image.fromarray(mask)
    colors = np.resize(get_palette('voc'), (256, 3))
    colors[UNKNOWN] = 255
    image.putpalette(colors.flatten().tolist())
    return image
