"""Check for masks of labeled images among the unlabeled images."""
import logging
import os.path as osp
from functools import lru_cache
from typing import Iterable, List, Tuple

import numpy as np
from mmengine.logging import print_log
from PIL import Image

from ..utils.text_files import printable
from .masks_among_photos import is_mask_of

Pairs = List[Tuple[str, str]]
_MOST_OPENED = 200
_ADVICE = (
    'Masks must not be used as photos. Change data_root, data_prefix.img_path '
    'or ann_file of the UnlabeledDataset, or move the masks to a folder that '
    'is not below it.')


def refuse_masks_as_photos(unlabeled: list, labeled: list) -> None:
    """Raises if masks of labeled images are among the unlabeled images.

    Args:
        unlabeled (list[UnlabeledDataset]): Data sets of the training.
        labeled (list): Plain data sets with masks, including those of
            validation.

    Raises:
        ValueError: If an unlabeled image is the mask of a labeled image, or a
            copy of it. A file that only looks like a mask is logged as a
            warning.
    """
    if not unlabeled:
        return
    found, alike = masks_as_photos(*(
        [info for dataset in datasets for info in _infos(dataset)]
        for datasets in (unlabeled, labeled)))
    if found:
        raise ValueError(
            f'{_describe(found)} of the labeled images and would be unlabeled '
            f'images. {_ADVICE}')
    if alike:
        print_log(
            f'{_describe(alike)} of the labeled images, by their content, and '
            f'are unlabeled images. {_ADVICE}',
            logger='current',
            level=logging.WARNING)


def masks_as_photos(photos: Iterable[dict], labeled: Iterable[dict]
                    ) -> Tuple[Pairs, Pairs]:
    """Unlabeled images that are masks of labeled ones.

    Args:
        photos (Iterable[dict]): Entries of unlabeled data lists.
        labeled (Iterable[dict]): Entries of labeled data lists.

    Returns:
        tuple: Two lists of pairs of a file and a labeled image: files that are
        its mask, by path or ids, and files that only look like it.
    """
    pairs = {
        _real(info['seg_map_path']): info['img_path']
        for info in labeled if info.get('seg_map_path')
    }
    images = set(map(_real, pairs.values()))
    by_stem = {_stem(image): (image, mask) for mask, image in pairs.items()}
    found, alike = [], []
    opened = 0
    for info in photos:
        path = info['img_path']
        real = _real(path)
        if real in images:
            continue
        if real in pairs:
            found.append((path, pairs[real]))
        elif _stem(path) in by_stem and opened < _MOST_OPENED:
            opened += 1
            image, mask = by_stem[_stem(path)]
            if _is_copy(path, mask):
                found.append((path, image))
            elif is_mask_of(path, image):
                alike.append((path, image))
    return found, alike


def _describe(pairs: Pairs) -> str:
    mask, image = map(printable, pairs[0])
    return (f'{len(pairs)} files, the first {mask!r} (of {image!r}), are '
            'masks')


def _infos(dataset):
    if hasattr(dataset, 'get_data_info'):
        yield from map(dataset.get_data_info, range(len(dataset)))


def _stem(path: str) -> str:
    return osp.splitext(osp.basename(path))[0]


def _real(path: str) -> str:
    return osp.join(_real_folder(osp.dirname(path)), osp.basename(path))


@lru_cache(maxsize=4096)
def _real_folder(folder: str) -> str:
    return osp.realpath(folder)


def _is_copy(path: str, mask: str) -> bool:
    """Whether two files hold the same ids."""
    try:
        with Image.open(path) as one, Image.open(mask) as other:
            # photos have another mode than masks of ids
            return (one.size == other.size and one.mode == other.mode
                    and one.mode in ('1', 'L', 'P')
                    and np.array_equal(np.asarray(one), np.asarray(other)))
    # decoders raise anything on a broken file
    except Exception:
        return False
