"""Images and masks in the format that the converters write."""
from pathlib import Path
from typing import Sequence, Tuple

import numpy as np
from PIL import Image

from .atomic_file import written_atomically
from .input_error import InputError
from .mask_image import mask_image

DEFAULT_JPEG_QUALITY = 95
"""Highest quality that Pillow recommends: above it only the size grows."""


def require_jpeg_quality(quality: int) -> None:
    """Raises if a JPEG quality is out of range.

    Args:
        quality (int): Value of ``--jpeg-quality``.

    Raises:
        InputError: If it is not within 1 to 100.
    """
    if not 1 <= quality <= 100:
        raise InputError(f'--jpeg-quality: got {quality}, expected 1 to 100.')


def require_same_size(image_file: Path, image_size: Tuple[int, int],
                      label_file: Path, label_size: Tuple[int, int]) -> None:
    """Raises if an image and its label map differ in size.

    Args:
        image_file (Path): The image.
        image_size (tuple[int, int]): Its width and height.
        label_file (Path): The label map.
        label_size (tuple[int, int]): Its width and height.

    Raises:
        InputError: If the sizes differ.
    """
    if image_size != label_size:
        raise InputError(
            f'{image_file} has {image_size[0]} x {image_size[1]} pixels, but '
            f'its label map {label_file} has {label_size[0]} x '
            f'{label_size[1]}; take both from the same release.')


def save_jpeg(image: Image.Image, path: Path, quality: int) -> None:
    """Writes an image atomically.

    Args:
        image (Image.Image): Image of any mode; saved as RGB.
        path (Path): File to write, ending in ``.jpg``.
        quality (int): 1 to 100.
    """
    with written_atomically(path) as temporary:
        # Full colour resolution, as small objects are only a few pixels wide.
        image.convert('RGB').save(temporary, quality=quality, subsampling=0)


def save_mask(ids: np.ndarray, path: Path, palette: Sequence) -> None:
    """Writes a mask atomically.

    Args:
        ids (np.ndarray): Class ids, 255 where ignored, shape (h, w), uint8.
        path (Path): File to write, ending in ``.png``.
        palette (Sequence): [red, green, blue] of the first ids.
    """
    with written_atomically(path) as temporary:
        mask_image(ids, palette).save(temporary)
