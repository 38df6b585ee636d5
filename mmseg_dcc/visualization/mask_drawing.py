"""Pictures of masks: overlays, comparisons with the truth and sheets.

They are drawn with Pillow in milliseconds, so that validations do not slow
down.
"""
from functools import lru_cache
from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from matplotlib.font_manager import findfont
from PIL import Image, ImageDraw, ImageFont

from ..utils.mask_image import UNKNOWN

_OPACITY = 0.5
_WRONG = (220, 20, 20)
_TEXT = 14  # pixels
_GAP = 6


class Predicted(NamedTuple):
    """Image with its predicted and its true mask.

    Args:
        name (str): Name of the image.
        image (np.ndarray): RGB, shape (h, w, 3), uint8.
        prediction (np.ndarray): Predicted ids, uint8; the size may differ
            from that of the image.
        truth (np.ndarray, optional): True ids and 255, uint8. Defaults to
            None: unknown.
    """
    name: str
    image: np.ndarray
    prediction: np.ndarray
    truth: Optional[np.ndarray] = None


def as_picture(image: np.ndarray, bgr: bool = True) -> np.ndarray:
    """Image of any number of channels converted to 8-bit RGB for display.

    Args:
        image (np.ndarray): Shape (h, w) or (h, w, channels); integers of 8
            or 16 bits, or floats from 0 to 255.
        bgr (bool): Whether the first channel is blue. Defaults to True.

    Returns:
        np.ndarray: RGB, shape (h, w, 3), uint8.
    """
    image = image[..., None] if image.ndim == 2 else image
    image = image[..., :3] if image.shape[2] >= 3 else image[..., :1]
    if image.dtype == np.uint16:
        image = image >> 8
    image = np.clip(image, 0, 255).astype(np.uint8)
    if image.shape[2] == 1:
        return image.repeat(3, 2)
    return image[..., ::-1] if bgr else image


def overlay(image: np.ndarray, mask: np.ndarray,
            colors: np.ndarray) -> np.ndarray:
    """Image with the colours of its mask blended over it.

    Args:
        image (np.ndarray): RGB, shape (h, w, 3), uint8.
        mask (np.ndarray): Ids, shape (h, w), uint8. Pixels that are
            ``UNKNOWN`` show the image.
        colors (np.ndarray): Colours of the ids, shape (256, 3), uint8.

    Returns:
        np.ndarray: RGB, shape (h, w, 3), uint8.
    """
    mixed = _mixed(image, colors[mask], _OPACITY)
    return np.where((mask == UNKNOWN)[..., None], image, mixed)


def error_picture(image: np.ndarray, mask: np.ndarray,
                  truth: np.ndarray) -> np.ndarray:
    """Gray image with wrong predictions in red.

    Args:
        image (np.ndarray): RGB, shape (h, w, 3), uint8.
        mask (np.ndarray): Predicted ids, shape (h, w), uint8.
        truth (np.ndarray): True ids, shape (h, w), uint8. Pixels that are
            ``UNKNOWN`` are white.

    Returns:
        np.ndarray: RGB, shape (h, w, 3), uint8.
    """
    gray = image.mean(2, keepdims=True).astype(np.uint8).repeat(3, 2)
    picture = _mixed(gray, np.full(3, 255, np.uint8), 0.3)
    picture[mask != truth] = _WRONG
    picture[truth == UNKNOWN] = 255
    return picture


def draw_prediction(shown: Predicted, classes: Sequence[str],
                    colors: np.ndarray) -> Image.Image:
    """Picture of the true mask, if known, and the predicted mask.

    Args:
        shown (Predicted): Image and masks; the panels have the size of the
            prediction.
        classes (Sequence[str]): Names of the classes.
        colors (np.ndarray): Colours of the ids, shape (256, 3), uint8.

    Returns:
        Image: Panels with masks over the image, and a legend below.
    """
    height, width = shown.prediction.shape
    image = _resized(shown.image, width, height)
    masks = [shown.prediction]
    if shown.truth is not None:
        truth = _resized(shown.truth, width, height)
        masks.insert(0, truth)
    panels = [overlay(image, mask, colors) for mask in masks]
    return _stacked([np.hstack(panels),
                     _legend(masks, classes, colors, width * len(panels))])


def draw_labeled(whole: Tuple[np.ndarray, np.ndarray],
                 crop: Tuple[np.ndarray, np.ndarray],
                 classes: Sequence[str],
                 colors: np.ndarray,
                 title: str,
                 side: int = 320) -> Image.Image:
    """Picture of a labeled image before and after a pipeline.

    Args:
        whole (tuple): Image, RGB, shape (h, w, 3), uint8, and its mask,
            shape (h, w), uint8.
        crop (tuple): Image and mask after the pipeline.
        classes (Sequence[str]): Names of the classes. The legend shows other
            ids as "no class".
        colors (np.ndarray): Colours of the ids, shape (256, 3), uint8.
        title (str): Title of the picture.
        side (int): Longer side of a panel in pixels. Defaults to 320.

    Returns:
        Image: Image, image with mask, crop and crop with mask, with a legend
        of the ids that occur below.
    """
    columns = []
    for image, mask in (whole, crop):
        scale = side / max(mask.shape)
        height, width = (max(round(edge * scale), 1) for edge in mask.shape)
        image, mask = (_resized(array, width, height)
                       for array in (image, mask))
        columns += [image, overlay(image, mask, colors)]
    total = 4 * side + 3 * _GAP
    panels = np.full((max(column.shape[0] for column in columns), total, 3),
                     255, np.uint8)
    for number, column in enumerate(columns):
        left = number * (side + _GAP)
        panels[:column.shape[0], left:left + column.shape[1]] = column
    names = [f'{label} {name}' for label, name in enumerate(classes)]
    names += [f'{label}: no class' for label in range(len(names), UNKNOWN)]
    names = [*names[:UNKNOWN], f'{UNKNOWN}: ignored']
    return _stacked([
        _text_band([title], total),
        _text_band(('image', 'its mask', 'after the training pipeline',
                    'its mask'), total), panels,
        _legend([whole[1], crop[1]], names, colors, total)
    ])


def draw_sheet(rows: Sequence[Predicted], classes: Sequence[str],
               colors: np.ndarray, title: str,
               panel_width: int = 240) -> Image.Image:
    """Sheet of several images: image, truth, prediction and errors.

    Args:
        rows (Sequence[Predicted]): Images, one for each row. Truth and
            errors are white if the truth is unknown.
        classes (Sequence[str]): Names of the classes.
        colors (np.ndarray): Colours of the ids, shape (256, 3), uint8.
        title (str): Title of the sheet.
        panel_width (int): Width of a panel in pixels. Defaults to 240.

    Returns:
        Image: Rows of four panels, with a legend below.
    """
    width = 4 * panel_width + 3 * _GAP
    bands = [_text_band([title], width), _text_band(
        ('image', 'truth', 'prediction', 'errors (red)'), width)]
    masks: List[np.ndarray] = []
    for row in rows:
        height = max(
            round(panel_width * row.image.shape[0] / row.image.shape[1]), 1)
        image, prediction = (_resized(array, panel_width, height)
                             for array in (row.image, row.prediction))
        white = np.full_like(image, 255)
        truth, errors = white, white
        masks.append(prediction)
        if row.truth is not None:
            known = _resized(row.truth, panel_width, height)
            masks.append(known)
            truth = colors[known]
            errors = error_picture(image, prediction, known)
        gap = np.full((height, _GAP, 3), 255, np.uint8)
        bands += [
            np.hstack([image, gap, truth, gap, colors[prediction], gap,
                       errors]),
            _text_band([row.name], width)
        ]
    return _stacked([*bands, _legend(masks, classes, colors, width)])


def _mixed(image: np.ndarray, color: np.ndarray,
           opacity: float) -> np.ndarray:
    return (image * (1 - opacity) + color * opacity).astype(np.uint8)


def _resized(array: np.ndarray, width: int, height: int) -> np.ndarray:
    if array.shape[:2] == (height, width):
        return array
    # Ids must not be interpolated.
    how = Image.NEAREST if array.ndim == 2 else Image.BILINEAR
    return np.array(Image.fromarray(array).resize((width, height), how))


@lru_cache(None)
def _font() -> ImageFont.ImageFont:
    # This font of matplotlib has more than the letters of English.
    return ImageFont.truetype(findfont('DejaVu Sans'), _TEXT)


def _text_band(texts: Sequence[str], width: int) -> np.ndarray:
    band = Image.new('RGB', (width, _TEXT + 2 * _GAP), 'white')
    draw = ImageDraw.Draw(band)
    for number, text in enumerate(texts):
        draw.text((number * (width + _GAP) // len(texts) + 2, _GAP),
                  _printable(text), 'black', _font())
    return np.array(band)


def _legend(masks: Sequence[np.ndarray], classes: Sequence[str],
            colors: np.ndarray, width: int) -> np.ndarray:
    """Legend of the classes that occur, in as many lines as needed."""
    present = set().union(*(np.unique(mask).tolist() for mask in masks))
    line = _TEXT + 2 * _GAP
    entries, left, top = [], _GAP, 0
    for label in sorted(present & {*range(len(classes))}):
        name = _printable(classes[label])
        needed = int(_font().getlength(name)) + _TEXT + 3 * _GAP
        if left > _GAP and left + needed > width:
            left, top = _GAP, top + line
        entries.append((left, top, name, label))
        left += needed
    band = Image.new('RGB', (width, top + line), 'white')
    draw = ImageDraw.Draw(band)
    for left, top, name, label in entries:
        box = (left, top + _GAP, left + _TEXT, top + _GAP + _TEXT)
        draw.rectangle(box, tuple(colors[label].tolist()), 'black')
        draw.text((left + _TEXT + _GAP, top + _GAP), name, 'black', _font())
    return np.array(band)


def _printable(text: str) -> str:
    # File names may contain bytes that cannot be encoded.
    return str(text).encode('utf-8', 'replace').decode()


def _stacked(bands: Sequence[np.ndarray]) -> Image.Image:
    return Image.fromarray(np.vstack(bands))
