"""Check that masks fit their images, by the headers of the files.

A mask must have the size of its image, one channel, and ids below 256: mmseg
drops the upper byte of larger ids.
"""
import os.path as osp
from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from mmcv.transforms import LoadAnnotations, LoadImageFromFile
from PIL import Image

from .checks import find_transform

MOST_CHECKED = 20000
_EXIF_ORIENTATION = 0x0112
_MAX_LISTED = 3
# one channel with at most 8 bits
_PLAIN_MODES = ('1', 'L', 'P')
# becomes 255, which is ignored, as intended
_ALSO_IGNORED = 2**16 - 1


class Header(NamedTuple):
    """Size and mode from the header of an image file.

    Args:
        size (tuple[int, int]): Height and width.
        mode (str): Pillow's name of channels and depth, such as ``RGB``.
    """
    size: Tuple[int, int]
    mode: str


def read_header(path: str, turned_by_exif: bool) -> Optional[Header]:
    """Size and mode of an image file, or None if they are unknown.

    Args:
        path (str): File of an image or a mask.
        turned_by_exif (bool): Whether to apply the EXIF orientation of photos
            to the size.
    """
    try:
        with Image.open(path) as image:
            width, height = image.size
            mode = image.mode
            orientation = image.getexif().get(_EXIF_ORIENTATION, 1)
    # Pillow does not read every format of other loaders; these are skipped
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    if turned_by_exif and orientation in (5, 6, 7, 8):
        width, height = height, width
    return Header((height, width), mode)


def unfit_masks(dataset, share: Tuple[int, int] = (0, 1)) -> List[str]:
    """Messages on the masks of a labeled data set that do not fit.

    Files whose headers look wrong are loaded as in the training before they
    are reported.

    Args:
        dataset (Dataset): Plain data set with ``LoadImageFromFile`` and
            ``LoadAnnotations`` in its pipeline; others are not checked.
        share (tuple[int, int]): Index and number of the parts that are
            checked separately, such as rank and number of processes. Defaults
            to (0, 1).
    """
    load_image = find_transform(dataset, LoadImageFromFile)
    load_mask = find_transform(dataset, LoadAnnotations)
    # other classes may load, crop or rotate in any way
    if (type(load_image).__name__ != 'LoadImageFromFile'
            or type(load_mask).__name__ != 'LoadAnnotations'):
        return []
    turned = 'unchanged' not in load_image.color_type and (
        'ignore_orientation' not in load_image.color_type)
    wrong = []
    for number in _spread(len(dataset), share):
        info = dataset.get_data_info(number)
        paths = info.get('img_path'), info.get('seg_map_path')
        if not all(path and osp.isfile(path) for path in paths):
            continue
        headers = read_header(paths[0], turned), read_header(paths[1], False)
        if None in headers or (headers[0].size == headers[1].size
                               and headers[1].mode in _PLAIN_MODES):
            continue
        try:
            image = load_image(dict(info))['img'].shape[:2]
            mask = load_mask(dict(info))['gt_seg_map']
        # unreadable files are reported when they are used
        except Exception:
            continue
        if image != mask.shape[:2]:
            wrong.append(describe(*paths, image, mask.shape[:2]))
        elif mask.ndim > 2:
            wrong.append(f'{paths[1]} has {mask.shape[2]} channels instead of '
                         'one with class ids (colors?)')
        elif headers[1].mode not in _PLAIN_MODES:
            wrong += _ids_of_more_bytes(paths[1])
    return wrong


def _ids_of_more_bytes(path: str) -> List[str]:
    """Message on ids that would lose their upper byte, or []."""
    with Image.open(path) as image:
        ids = np.unique(np.asarray(image))
    cut = ids[(ids > 255) & (ids != _ALSO_IGNORED)]
    if not len(cut):
        return []
    return [f'{path} has ids above 255, such as {cut[0]}, which mmseg would '
            f'turn into {int(cut[0]) % 256}']


def describe(image_path: str, mask_path: str, image: Sequence[int],
             mask: Sequence[int]) -> str:
    """Message on a mask whose size differs from that of its image.

    Args:
        image_path (str): File of the image.
        mask_path (str): File of the mask.
        image (Sequence[int]): Height and width of the image.
        mask (Sequence[int]): Height and width of the mask.
    """
    turned = tuple(mask) == tuple(image)[::-1]
    return (f'{mask_path} is {mask[1]} x {mask[0]} pixels, its image '
            f'{image_path} {image[1]} x {image[0]}' +
            (' (rotated, perhaps by the EXIF tag of the photo)'
             if turned else ''))


def refuse_unfit_masks(datasets: list, share: Tuple[int, int]) -> None:
    """Raises if a mask of a data set does not fit its image.

    Args:
        datasets (list): Plain labeled data sets.
        share (tuple[int, int]): See :func:`unfit_masks`.

    Raises:
        ValueError: If any mask does not fit; lists the first ones.
    """
    wrong = [text for dataset in datasets
             for text in unfit_masks(dataset, share)]
    if wrong:
        listed = '; '.join(wrong[:_MAX_LISTED])
        raise ValueError(
            f'{len(wrong)} masks do not fit their image: {listed}'
            f'{"; ..." if len(wrong) > _MAX_LISTED else "."} Labels would '
            'belong to other pixels or classes. Masks must be as large as the '
            'image and single-channel 8-bit, with the class id in each pixel; '
            'tools/dataset_tools/check_dataset.py lists all that are not.')


def _spread(count: int, share: Tuple[int, int]) -> range:
    """Indices of one part, spaced so that at most MOST_CHECKED are checked."""
    step = max(-(-count // MOST_CHECKED), 1)
    return range(share[0] * step, count, step * share[1])
