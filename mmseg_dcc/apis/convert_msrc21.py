"""Conversion of MSRC-v2 with colour-coded masks to the VOC layout."""
import re
from pathlib import Path
from typing import Dict, List, Tuple

import numpy as np
from mmengine.utils import scandir, track_iter_progress
from PIL import Image

from ..datasets.msrc21 import MSRC21Dataset
from ..utils.input_error import (
    InputError,
    require_folder,
    shorten,
    warn_if_count_differs,
)
from ..utils.mask_image import UNKNOWN
from ..utils.voc_files import (
    DEFAULT_JPEG_QUALITY,
    require_jpeg_quality,
    require_same_size,
    save_jpeg,
    save_mask,
)
from .draw_parts import draw_parts, write_parts

DOWNLOAD_HINT = (
    'Download the pixel-wise labelled image database v2 of Microsoft Research '
    'Cambridge, unpack it and pass the folder that holds Images and '
    'GroundTruth with --source.')

IMAGE_COUNT = 591

DEFAULT_VAL_SHARE = 0.2
DEFAULT_TEST_SHARE = 0.2
"""Leaves 60 % to train on."""

IGNORED_COLOURS = {
    'void': (0, 0, 0),
    'horse': (128, 0, 128),
    'mountain': (64, 0, 0),
}
"""Colours of MSRC-v2 that are not classes of MSRC-21."""


def ids_of_colours(colours: np.ndarray, path: Path) -> np.ndarray:
    """Converts the colours of a mask to class ids.

    Args:
        colours (np.ndarray): RGB, shape (h, w, 3), uint8.
        path (Path): File of the mask, for the error message.

    Returns:
        np.ndarray: Ids 0 to 20, 255 for void, horse and mountain, shape
        (h, w), uint8.

    Raises:
        InputError: If a colour is not one of MSRC-v2; names the first pixel.
    """
    ids = np.full(colours.shape[:2], UNKNOWN, np.uint8)
    known = np.zeros(colours.shape[:2], bool)
    for colour, number in (
            *((colour, UNKNOWN) for colour in IGNORED_COLOURS.values()),
            *zip(MSRC21Dataset.METAINFO['palette'], range(UNKNOWN))):
        here = (colours == colour).all(-1)
        ids[here] = number
        known |= here
    if not known.all():
        unknown = np.unique(colours[~known], axis=0).tolist()
        row, column = np.argwhere(~known)[0]
        raise InputError(
            f'{path}: got the colour {tuple(colours[row, column].tolist())} '
            f'at row {row}, column {column} ({len(unknown)} unknown colours '
            'in all), expected the colours of MSRC-v2, such as (128, 0, 0) '
            'for building. Use the BMP files as they were published: other '
            'formats and sizes mix colours.')
    return ids


def convert_pair(image_file: Path, label_file: Path, out_image: Path,
                 out_label: Path, jpeg_quality: int) -> None:
    """Converts an image and its mask.

    Args:
        image_file (Path): File of ``Images``.
        label_file (Path): File of ``GroundTruth``.
        out_image (Path): Image to write, ending in ``.jpg``.
        out_label (Path): Mask to write, ending in ``.png``.
        jpeg_quality (int): 1 to 100.

    Raises:
        InputError: If the sizes differ or a colour is unknown.
    """
    with Image.open(label_file) as label_map:
        colours = np.array(label_map.convert('RGB'))
    ids = ids_of_colours(colours, label_file)
    with Image.open(image_file) as image:
        require_same_size(image_file, image.size, label_file,
                          ids.shape[::-1])
        save_jpeg(image, out_image, jpeg_quality)
    save_mask(ids, out_label, MSRC21Dataset.METAINFO['palette'])


def scene_and_number(stem: str, images: Path) -> Tuple[int, int]:
    """Scene number and image number of a file name.

    Args:
        stem (str): Stem such as ``1_10_s``: scene 1, image 10.
        images (Path): Folder of the images, for the error message.

    Raises:
        InputError: If the name has another form.
    """
    match = re.fullmatch(r'(\d+)_(\d+)_s', stem)
    if not match:
        raise InputError(
            f'{images / stem}.bmp: expected a name such as 1_10_s.bmp, whose '
            'first number is the scene. Remove files that are not images of '
            f'MSRC-v2. {DOWNLOAD_HINT}')
    return int(match[1]), int(match[2])


def find_scenes(source: Path) -> List[List[str]]:
    """Lists the images by scene and checks that all have masks.

    Args:
        source (Path): Folder that holds ``Images`` and ``GroundTruth``.

    Returns:
        list[list[str]]: Stems of each scene, by number.

    Raises:
        InputError: If there is no image, or masks are missing.
    """
    images, masks = source / 'Images', source / 'GroundTruth'
    for folder in (images, masks):
        require_folder(folder, DOWNLOAD_HINT)
    stems = sorted((Path(name).stem for name in scandir(images, '.bmp')),
                   key=lambda stem: scene_and_number(stem, images))
    if not stems:
        raise InputError(f'Folder {images} has no .bmp image. {DOWNLOAD_HINT}')
    missing = [
        stem for stem in stems if not (masks / f'{stem}_GT.bmp').is_file()
    ]
    if missing:
        raise InputError(
            f'{len(missing)} of {len(stems)} images of {images} have no mask '
            f'*_GT.bmp in {masks}: {shorten(missing)}. {DOWNLOAD_HINT}')
    warn_if_count_differs(
        len(stems), IMAGE_COUNT, f'Folder {images}',
        'Results will not compare with those of the whole data set.')
    scenes: Dict[int, List[str]] = {}
    for stem in stems:
        scenes.setdefault(scene_and_number(stem, images)[0], []).append(stem)
    return [*scenes.values()]


def convert_msrc21(source: Path,
                   out_dir: Path,
                   val_share: float = DEFAULT_VAL_SHARE,
                   test_share: float = DEFAULT_TEST_SHARE,
                   seed: int = 0,
                   jpeg_quality: int = DEFAULT_JPEG_QUALITY) -> None:
    """Converts images and masks, and draws the lists of the parts by scene.

    Args:
        source (Path): Folder that holds ``Images`` and ``GroundTruth``.
        out_dir (Path): Data root to write; made if needed.
        val_share (float): Share of each scene for validation. Defaults to
            :data:`DEFAULT_VAL_SHARE`.
        test_share (float): Share of each scene for the test. Defaults to
            :data:`DEFAULT_TEST_SHARE`.
        seed (int): Seed of the draw. Defaults to 0.
        jpeg_quality (int): Quality of the images, 1 to 100. Defaults to
            :data:`DEFAULT_JPEG_QUALITY`.

    Raises:
        InputError: If an input is wrong or missing.
    """
    require_jpeg_quality(jpeg_quality)
    require_folder(source, DOWNLOAD_HINT)
    scenes = find_scenes(source)
    parts = draw_parts(scenes, val_share, test_share, seed)
    stems = sum(scenes, [])
    print(f'{len(stems)} images of {len(scenes)} scenes')
    for stem in track_iter_progress(stems):
        convert_pair(source / f'Images/{stem}.bmp',
                     source / f'GroundTruth/{stem}_GT.bmp',
                     out_dir / f'JPEGImages/{stem}.jpg',
                     out_dir / f'SegmentationClass/{stem}.png', jpeg_quality)
    # written last, so that a list never names missing files
    write_parts(parts, out_dir)
