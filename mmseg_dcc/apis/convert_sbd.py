"""Augmented training set of PASCAL VOC, from VOC 2012 and SBD."""
import shutil
from pathlib import Path
from typing import List, Sequence

import numpy as np
from mmengine.utils import track_iter_progress
from PIL import Image
from scipy.io import loadmat

from ..utils.atomic_file import written_atomically
from ..utils.input_error import (
    InputError,
    require_folder,
    shorten,
    warn_if_count_differs,
)
from ..utils.list_files import read_stems, write_stems
from ..utils.public_data import (
    VOC_DOWNLOAD_HINT,
    VOC_LISTS_FOLDER,
    VOC_TRAIN_AUG_COUNT,
)

SBD_DOWNLOAD_HINT = (
    'Download benchmark.tgz of the Semantic Boundaries Dataset (Hariharan et '
    'al., 2011) and unpack it so that the folder dataset/cls with its .mat '
    'files lies below --sbd-root.')

VALID_IDS = [*range(21), 255]
"""Background, the 20 classes of VOC, and void."""


def collect_train_aug(data_root: Path, sbd_dataset: Path) -> List[str]:
    """Lists the images of the augmented training set.

    Args:
        data_root (Path): Folder ``VOC2012`` of the devkit.
        sbd_dataset (Path): Folder ``dataset`` of SBD.

    Returns:
        list[str]: Sorted stems of
        (VOC2012 train + SBD train + SBD val) - VOC2012 val.

    Raises:
        InputError: If a list is missing or unreadable.
    """
    voc_lists = data_root / VOC_LISTS_FOLDER
    train = {
        *read_stems(voc_lists / 'train.txt', VOC_DOWNLOAD_HINT),
        *read_stems(sbd_dataset / 'train.txt', SBD_DOWNLOAD_HINT),
        *read_stems(sbd_dataset / 'val.txt', SBD_DOWNLOAD_HINT)
    }
    return sorted(
        train.difference(
            read_stems(voc_lists / 'val.txt', VOC_DOWNLOAD_HINT)))


def load_sbd_mask(path: Path) -> np.ndarray:
    """Reads the class mask of an SBD annotation.

    Args:
        path (Path): File of ``dataset/cls``.

    Returns:
        np.ndarray: Class ids, uint8, of shape (height, width).

    Raises:
        InputError: If the file is not such an annotation or has unknown ids.
    """
    try:
        mask = loadmat(path)['GTcls']['Segmentation'][0, 0]
    # loadmat raises many unrelated exceptions for damaged files
    except Exception as error:
        raise InputError(
            f'Cannot read {path} as a class annotation of SBD '
            f'({type(error).__name__}: {error}); expected a struct GTcls '
            'with the field Segmentation. Unpack benchmark.tgz again and use '
            'its folder cls, not inst.') from error
    unknown = np.setdiff1d(mask, VALID_IDS)
    if unknown.size:
        raise InputError(f'{path}: got the class ids {unknown.tolist()}, '
                         'expected 0 to 20 or 255 (void).')
    return mask.astype(np.uint8)


def read_palette(path: Path) -> List[int]:
    """Reads the palette of one of VOC's own masks.

    Args:
        path (Path): Palette PNG.

    Returns:
        list[int]: 768 values: red, green and blue of the ids 0 to 255.

    Raises:
        InputError: If the file has no full palette.
    """
    with Image.open(path) as mask:
        palette = mask.getpalette() or []
    if len(palette) != 768:
        raise InputError(
            f'{path}: got an image with {len(palette) // 3} palette colours, '
            'expected the 256 of the masks in VOCtrainval_11-May-2012.tar; '
            'restore SegmentationClass from there.')
    return palette


def convert_masks(stems: Sequence[str], voc_masks: Path, sbd_masks: Path,
                  out_dir: Path) -> int:
    """Writes the masks of the augmented training set.

    Args:
        stems (Sequence[str]): Images to write the masks of.
        voc_masks (Path): Folder ``SegmentationClass`` of VOC.
        sbd_masks (Path): Folder ``dataset/cls`` of SBD.
        out_dir (Path): Folder of the masks; made if needed.

    Returns:
        int: Number of masks that were copied from VOC; all others come from
        SBD.

    Raises:
        InputError: If an image has no mask in either folder (nothing is
            written then), or a mask cannot be read.
    """
    from_voc = {
        stem
        for stem in stems if (voc_masks / f'{stem}.png').is_file()
    }
    missing = [
        stem for stem in stems if stem not in from_voc
        and not (sbd_masks / f'{stem}.mat').is_file()
    ]
    if missing:
        raise InputError(
            f'{len(missing)} of {len(stems)} images have a mask neither in '
            f'{voc_masks} (.png) nor in {sbd_masks} (.mat): '
            f'{shorten(missing)}. Unpack both archives again.')
    if not from_voc:
        raise InputError(f'Folder {voc_masks} has no mask of any image in '
                         f'the training list. {VOC_DOWNLOAD_HINT}')
    palette = read_palette(voc_masks / f'{min(from_voc)}.png')
    for stem in track_iter_progress(stems):
        with written_atomically(out_dir / f'{stem}.png') as temporary:
            if stem in from_voc:
                shutil.copyfile(voc_masks / f'{stem}.png', temporary)
            else:
                mask = Image.fromarray(
                    load_sbd_mask(sbd_masks / f'{stem}.mat'))
                mask.putpalette(palette)
                mask.save(temporary)
    return len(from_voc)


def convert_sbd(data_root: Path, sbd_root: Path) -> None:
    """Writes masks and list of the augmented training set.

    Args:
        data_root (Path): Folder ``VOC2012`` of the devkit.
        sbd_root (Path): Folder that holds ``dataset/cls`` of SBD.

    Raises:
        InputError: If an input is wrong or missing.
    """
    require_folder(data_root, VOC_DOWNLOAD_HINT)
    sbd_dataset = sbd_root / 'dataset'
    require_folder(sbd_dataset / 'cls', SBD_DOWNLOAD_HINT)
    stems = collect_train_aug(data_root, sbd_dataset)
    warn_if_count_differs(
        len(stems), VOC_TRAIN_AUG_COUNT, 'Augmented training set',
        'Check that the lists of VOC2012 and SBD are those of the archives; '
        'the conversion continues with the images that exist.')
    mask_dir = data_root / 'SegmentationClassAug'
    list_file = data_root / VOC_LISTS_FOLDER / 'train_aug.txt'
    voc_count = convert_masks(stems, data_root / 'SegmentationClass',
                              sbd_dataset / 'cls', mask_dir)
    # written last, so that a list never names missing masks
    write_stems(list_file, stems)
    print(f'{len(stems)} masks in {mask_dir}: {voc_count} from VOC, '
          f'{len(stems) - voc_count} from SBD')
    print(f'{len(stems)} images in {list_file}')
