"""Check for swapped width and height in a config."""
import logging
import os.path as osp
from typing import List, Optional, Sequence, Tuple

import numpy as np
from mmcv.transforms import RandomResize, Resize
from mmengine.logging import print_log
from mmseg.datasets.transforms import RandomCrop

from .checks import find_transform
from .class_checks import dataset_name
from .mask_size_check import read_header
from .transforms import PairedRandomCrop, SharedRandomCrop

# Share of the images that must have one orientation before a size of the other
# orientation is worth a warning.
MOSTLY = 0.8
_LOOKED_AT = 50
_WIDE, _HIGH = 'wider than high', 'higher than wide'


def swapped_sizes(dataset, sizes: Sequence[Tuple[int, int]]) -> List[str]:
    """Messages on sizes in a pipeline whose orientation differs from images.

    ``Resize`` with ``keep_ratio=True`` accepts both orders: it only uses the
    longer and the shorter number.

    Args:
        dataset (Dataset): Plain data set with a pipeline.
        sizes (Sequence[tuple[int, int]]): Heights and widths of its images.

    Returns:
        list[str]: Empty if the images have mixed orientations.
    """
    mostly = _orientation(sizes)
    if mostly is None:
        return []
    return [
        f'Most images of {dataset_name(dataset)} are {mostly}, but '
        f'{name}={tuple(size)}, which means ({order}), is {other}. If that is '
        'not intended, swap the two numbers. In configs/custom/own_data.py '
        'image_size and crop_size are (width, height); in pipelines scale is '
        '(width, height) and crop_size (height, width).'
        for name, order, size, other in _sizes_of(dataset)
        if other is not None and other != mostly
    ]


def _orientation(sizes: Sequence[Tuple[int, int]]) -> Optional[str]:
    if not len(sizes):
        return None
    heights, widths = np.asarray(sizes).T
    for text, share in ((_WIDE, np.mean(widths > heights)),
                        (_HIGH, np.mean(heights > widths))):
        if share >= MOSTLY:
            return text
    return None


def _sizes_of(dataset) -> List[tuple]:
    """Name, order, size and orientation of each size of a pipeline."""
    found = []
    crop = find_transform(dataset,
                          (RandomCrop, PairedRandomCrop, SharedRandomCrop))
    if crop is not None:
        high, wide = crop.crop_size
        found.append((f'{type(crop).__name__}.crop_size', 'height, width',
                      crop.crop_size, _compared(high, wide)))
    resize = find_transform(dataset, (Resize, RandomResize))
    name = type(resize).__name__
    scale = getattr(resize, 'scale', None)
    inner = getattr(resize, 'resize', resize)
    if (isinstance(scale, (tuple, list)) and len(scale) == 2
            and all(isinstance(side, int) for side in scale)
            and not getattr(inner, 'keep_ratio', True)):
        wide, high = scale
        found.append((f'{name}.scale', 'width, height', scale,
                      _compared(high, wide)))
    return found


def _compared(high: int, wide: int) -> Optional[str]:
    return None if high == wide else _WIDE if wide > high else _HIGH


def warn_of_swapped_sizes(datasets: list) -> None:
    """Warns if the orientation of a size differs from that of most images.

    The headers of some image files are read.

    Args:
        datasets (list): Plain data sets of a training.
    """
    for dataset in datasets:
        paths = [
            dataset.get_data_info(int(index)).get('img_path') or ''
            for index in np.linspace(0, len(dataset) - 1,
                                     min(len(dataset), _LOOKED_AT))
        ]
        headers = [read_header(path, turned_by_exif=True)
                   for path in paths if osp.isfile(path)]
        sizes = [header.size for header in headers if header]
        for text in swapped_sizes(dataset, sizes):
            print_log(text, logger='current', level=logging.WARNING)
