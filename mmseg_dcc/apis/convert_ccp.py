"""Conversion of Clothing Co-Parsing to the layout of PASCAL VOC."""
import shutil
from pathlib import Path
from typing import List, Optional, Tuple

import numpy as np
from mmengine.utils import scandir, track_iter_progress
from PIL import Image
from scipy.io import loadmat

from ..datasets.ccp import CCPDataset
from ..utils.atomic_file import written_atomically
from ..utils.input_error import (
    InputError,
    require_folder,
    shorten,
    warn_if_count_differs,
)
from ..utils.voc_files import (
    DEFAULT_JPEG_QUALITY,
    require_jpeg_quality,
    require_same_size,
    save_jpeg,
    save_mask,
)
from .draw_parts import draw_parts, write_parts

DOWNLOAD_HINT = ('Clone https://github.com/bearpaw/clothing-co-parsing and '
                 'pass its folder with --source.')

PHOTO_COUNT = 2098
MASK_COUNT = 1004

DEFAULT_VAL_SHARE = 0.1
"""100 of the 1,004 images with masks."""

DEFAULT_TEST_SHARE = 0.2
"""200 of the 1,004 images, which leaves 704 to train on."""

LABELS_OF_CLASSES = {
    'background': ('null', ),
    'hair': ('hair', ),
    'skin': ('skin', ),
    'top': ('blouse', 'bodysuit', 'bra', 'cardigan', 'hoodie', 'intimate',
            'jumper', 'shirt', 'sweater', 'sweatshirt', 'swimwear', 't-shirt',
            'top', 'vest'),
    'outer': ('blazer', 'cape', 'coat', 'jacket', 'suit'),
    'dress': ('dress', 'romper'),
    'skirt': ('skirt', ),
    'trousers': ('jeans', 'leggings', 'panties', 'pants', 'shorts'),
    'legwear': ('socks', 'stockings', 'tights'),
    'shoes': ('boots', 'clogs', 'flats', 'heels', 'loafers', 'pumps',
              'sandals', 'shoes', 'sneakers', 'wedges'),
    'bag': ('bag', 'purse', 'wallet'),
    'accessory': ('accessories', 'belt', 'bracelet', 'earrings', 'glasses',
                  'gloves', 'hat', 'necklace', 'ring', 'scarf', 'sunglasses',
                  'tie', 'watch'),
}
"""The 59 labels of CCP by the class that they are merged into."""


def read_variable(path: Path, key: str) -> np.ndarray:
    """Reads a variable of a MATLAB file.

    Args:
        path (Path): File ending in ``.mat``.
        key (str): Name of the variable.

    Returns:
        np.ndarray: Value without axes of length 1.

    Raises:
        InputError: If the file is missing or has no such variable.
    """
    try:
        return np.asarray(
            loadmat(path, variable_names=[key], squeeze_me=True)[key])
    # loadmat raises many unrelated exceptions for damaged files
    except Exception as error:
        raise InputError(
            f'Cannot read {key} from {path} ({type(error).__name__}: '
            f'{error}); expected a MATLAB file with this variable. '
            f'{DOWNLOAD_HINT}') from error


def read_ids_of_labels(path: Path) -> np.ndarray:
    """Reads the names of CCP's labels and maps them to class ids.

    Args:
        path (Path): File ``label_list.mat``.

    Returns:
        np.ndarray: Class id of each label of CCP, shape (59, ), uint8.

    Raises:
        InputError: If the file is not a list of names, or a name is not in
            :data:`LABELS_OF_CLASSES`.
    """
    class_of = {
        label: CCPDataset.METAINFO['classes'].index(name)
        for name, labels in LABELS_OF_CLASSES.items() for label in labels
    }
    names = [str(name) for name in np.ravel(read_variable(path, 'label_list'))]
    unknown = sorted({*names}.difference(class_of))
    if unknown:
        raise InputError(
            f'{path}: got the labels {shorten(unknown)}, expected some of '
            f'the {len(class_of)} of CCP, such as null, accessories and bag. '
            f'{DOWNLOAD_HINT}')
    return np.array([class_of[name] for name in names], np.uint8)


def load_ccp_mask(path: Path, ids_of_labels: np.ndarray) -> np.ndarray:
    """Reads a mask of CCP and merges its labels.

    Args:
        path (Path): File of ``annotations/pixel-level``.
        ids_of_labels (np.ndarray): Class id of each label, shape (labels, ),
            uint8.

    Returns:
        np.ndarray: Class ids, shape (h, w), uint8.

    Raises:
        InputError: If the file is not such a mask or has unknown labels.
    """
    labels = read_variable(path, 'groundtruth')
    if labels.ndim != 2 or labels.dtype.kind not in 'ui':
        raise InputError(
            f'{path}: got a groundtruth of shape {labels.shape} and type '
            f'{labels.dtype}, expected integers of shape (height, width). '
            'Pass the folder with annotations/pixel-level, not that of '
            'image-level.')
    unknown = np.setdiff1d(labels, range(len(ids_of_labels)))
    if unknown.size:
        raise InputError(
            f'{path}: got the labels {shorten(unknown.tolist())}, expected 0 '
            f'to {len(ids_of_labels) - 1}, as in label_list.mat.')
    return ids_of_labels[labels]


def scaled_size(size: Tuple[int, int], scale: float) -> Tuple[int, int]:
    """Size after scaling, at least one pixel per side.

    Args:
        size (tuple[int, int]): Width and height in pixels.
        scale (float): Factor in (0, 1].
    """
    return tuple(max(round(side * scale), 1) for side in size)


def convert_photo(photo: Path, out_file: Path, scale: float,
                  jpeg_quality: int) -> None:
    """Writes a photograph, scaled down if ``scale`` is below 1.

    Args:
        photo (Path): File of ``photos``.
        out_file (Path): File to write, ending in ``.jpg``.
        scale (float): Factor in (0, 1]; 1 copies the bytes.
        jpeg_quality (int): Quality of scaled photographs, 1 to 100.
    """
    if scale == 1:
        with written_atomically(out_file) as temporary:
            shutil.copyfile(photo, temporary)
        return
    with Image.open(photo) as image:
        # each pixel is the mean of the pixels it covers
        smaller = image.convert('RGB').resize(
            scaled_size(image.size, scale), Image.BOX)
    save_jpeg(smaller, out_file, jpeg_quality)


def convert_mask(mask_file: Path, photo: Path, out_file: Path, scale: float,
                 ids_of_labels: np.ndarray) -> None:
    """Writes the mask of a photograph, scaled down if ``scale`` is below 1.

    Args:
        mask_file (Path): File of ``annotations/pixel-level``.
        photo (Path): Its photograph.
        out_file (Path): File to write, ending in ``.png``.
        scale (float): Factor in (0, 1].
        ids_of_labels (np.ndarray): Class id of each label, shape (labels, ),
            uint8.

    Raises:
        InputError: If the mask is invalid or differs in size.
    """
    ids = load_ccp_mask(mask_file, ids_of_labels)
    with Image.open(photo) as image:
        require_same_size(photo, image.size, mask_file, ids.shape[::-1])
    if scale != 1:
        size = scaled_size(ids.shape[::-1], scale)
        ids = np.array(Image.fromarray(ids).resize(size, Image.NEAREST))
    save_mask(ids, out_file, CCPDataset.METAINFO['palette'])


def find_photos(photos: Path, masks: Path) -> Tuple[List[str], List[str]]:
    """Lists the photographs with masks and those without masks.

    Args:
        photos (Path): Folder ``photos``.
        masks (Path): Folder ``annotations/pixel-level``.

    Returns:
        tuple[list[str], list[str]]: Sorted stems.

    Raises:
        InputError: If there is no mask, or a mask without its photograph.
    """
    for folder in (photos, masks):
        require_folder(folder, DOWNLOAD_HINT)
    found = {Path(name).stem for name in scandir(photos, '.jpg')}
    labeled = sorted(Path(name).stem for name in scandir(masks, '.mat'))
    if not labeled:
        raise InputError(f'Folder {masks} has no .mat file. {DOWNLOAD_HINT}')
    missing = [stem for stem in labeled if stem not in found]
    if missing:
        raise InputError(
            f'{len(missing)} of {len(labeled)} masks of {masks} have no '
            f'photograph (.jpg) in {photos}: {shorten(missing)}. '
            f'{DOWNLOAD_HINT}')
    advice = 'Results will not compare with those of the whole data set.'
    warn_if_count_differs(len(found), PHOTO_COUNT, f'Folder {photos}', advice)
    warn_if_count_differs(
        len(labeled), MASK_COUNT, f'Masks of {masks}', advice)
    return labeled, sorted(found.difference(labeled))


def convert_ccp(source: Path,
                out_dir: Path,
                scale: float = 1.,
                val_share: float = DEFAULT_VAL_SHARE,
                test_share: float = DEFAULT_TEST_SHARE,
                seed: Optional[int] = 0,
                jpeg_quality: int = DEFAULT_JPEG_QUALITY) -> None:
    """Converts photographs and masks, and draws the lists of the parts.

    Args:
        source (Path): Folder of the repository.
        out_dir (Path): Data root to write; made if needed.
        scale (float): Scale factor in (0, 1]: area averaging for
            photographs, nearest neighbour for masks. Defaults to 1.
        val_share (float): Share of the images with masks for validation.
            Defaults to :data:`DEFAULT_VAL_SHARE`.
        test_share (float): Share of the images with masks for the test.
            Defaults to :data:`DEFAULT_TEST_SHARE`.
        seed (int, optional): Seed of the draw; None uses the images in their
            order. Defaults to 0.
        jpeg_quality (int): Quality of scaled photographs, 1 to 100. Defaults
            to :data:`DEFAULT_JPEG_QUALITY`.

    Raises:
        InputError: If an input is wrong or missing.
    """
    require_jpeg_quality(jpeg_quality)
    if not 0 < scale <= 1:
        raise InputError(f'--scale: got {scale}, expected a factor above 0 '
                         'and up to 1, such as 0.5 for half the size.')
    require_folder(source, DOWNLOAD_HINT)
    photos, masks = source / 'photos', source / 'annotations/pixel-level'
    labeled, unlabeled = find_photos(photos, masks)
    ids_of_labels = read_ids_of_labels(source / 'label_list.mat')
    parts = draw_parts([labeled], val_share, test_share, seed)
    print(f'{len(labeled)} images with masks')
    for stem in track_iter_progress(labeled):
        photo = photos / f'{stem}.jpg'
        convert_mask(masks / f'{stem}.mat', photo,
                     out_dir / f'SegmentationClass/{stem}.png', scale,
                     ids_of_labels)
        convert_photo(photo, out_dir / f'JPEGImages/{stem}.jpg', scale,
                      jpeg_quality)
    if unlabeled:
        print(f'{len(unlabeled)} images without masks')
        for stem in track_iter_progress(unlabeled):
            convert_photo(photos / f'{stem}.jpg',
                          out_dir / f'JPEGImages/{stem}.jpg', scale,
                          jpeg_quality)
        parts['unlabeled'] = unlabeled
    # written last, so that a list never names missing files
    write_parts(parts, out_dir)
