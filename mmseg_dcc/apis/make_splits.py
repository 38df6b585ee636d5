"""Lists of labeled and unlabeled images by ratio and seed.

* The master list is sorted first, so its order does not matter.
* One permutation is drawn per seed, and the labeled images of a ratio are
  its first entries. Different seeds are thus independent draws, while for
  one seed the labeled images of 1/16 are among those of 1/8, and those among
  the ones of 1/4.
* Labeled and unlabeled images are disjoint and together the master list. Only
  in the full setting both lists are the whole master list, as in the paper.
* With a minimum number of images per class (``--least-per-class``) the first
  entries are the images that reach it, as if someone had chosen which images
  to annotate. The permutation breaks ties and orders the rest. The lists of
  different ratios stay nested.
* Images that never had a mask can be added to every unlabeled list. They are
  not part of the master list, so they change neither draws nor ratios.
* Both files are sorted, so that two lists can be compared with ``diff``.

The number of labeled images is ``total * ratio`` rounded up, except where
published lists say otherwise: see :data:`PUBLISHED_LABELED_COUNTS`.
"""
import math
from fractions import Fraction
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

import numpy as np
from mmengine.utils import scandir

from ..utils.input_error import (
    InputError,
    require_folder,
    shorten,
    warn,
    warn_if_count_differs,
)
from ..utils.list_files import read_stems, write_split
from ..utils.public_data import (
    CITYSCAPES_DOWNLOAD_HINT,
    VOC_DOWNLOAD_HINT,
    VOC_LISTS_FOLDER,
    VOC_TRAIN_AUG_COUNT,
)
from .class_coverage import Coverage

VOC_TRAIN_COUNT = 1464
CITYSCAPES_TRAIN_COUNT = 2975
CITYSCAPES_IMAGE_SUFFIX = '_leftImg8bit.png'

PUBLISHED_LABELED_COUNTS = {
    (VOC_TRAIN_AUG_COUNT, Fraction(1, 16)): 662,
    (VOC_TRAIN_AUG_COUNT, Fraction(1, 8)): 1323,
    (VOC_TRAIN_AUG_COUNT, Fraction(1, 4)): 2645,
    (CITYSCAPES_TRAIN_COUNT, Fraction(1, 8)): 372,
    (CITYSCAPES_TRAIN_COUNT, Fraction(1, 4)): 744,
}
"""Labeled images by (total, ratio) in the lists published with the paper.

Only 2645 = 10582 / 4 rounded down departs from the general rule, which gives
2646 (the number that several later papers use).
"""


def parse_ratio(text: str) -> Fraction:
    """Reads a ratio from the command line.

    Args:
        text (str): ``full`` or a number above 0 and up to 1, such as
            ``1/8``.

    Returns:
        Fraction: The exact ratio; 1 stands for the full setting.

    Raises:
        InputError: If the text is no such ratio.
    """
    try:
        ratio = Fraction(1) if text == 'full' else Fraction(text)
    except (ValueError, ZeroDivisionError):
        ratio = Fraction(0)
    if not 0 < ratio <= 1:
        raise InputError(f'Ratio: got {text!r}, expected "full" or a number '
                         'above 0 and up to 1, such as 1/8.')
    return ratio


def format_ratio(ratio: Fraction) -> str:
    """Writes a ratio as it occurs in file names.

    Args:
        ratio (Fraction): Share of labeled images, above 0 and up to 1.

    Returns:
        str: ``full`` for 1, otherwise for instance ``1-8``.
    """
    if ratio == 1:
        return 'full'
    return f'{ratio.numerator}-{ratio.denominator}'


def count_labeled(total: int, ratio: Fraction) -> int:
    """Number of labeled images for a master list and a ratio.

    Args:
        total (int): Number of images in the master list.
        ratio (Fraction): Share of labeled images, above 0 and up to 1.

    Returns:
        int: The published count where there is one, otherwise
        ``total * ratio`` rounded up, so that a non-empty master list never
        gives an empty labeled list.
    """
    return PUBLISHED_LABELED_COUNTS.get((total, ratio),
                                        math.ceil(total * ratio))


def split_stems(
        stems: Sequence[str],
        ratio: Fraction,
        seed: int,
        coverage: Optional[Coverage] = None) -> Tuple[List[str], List[str]]:
    """Splits a master list into labeled and unlabeled images.

    Args:
        stems (Sequence[str]): Master list without duplicates, in any order.
        ratio (Fraction): Share of labeled images, above 0 and up to 1.
        seed (int): Seed of the permutation, 0 to 2**32 - 1.
        coverage (Coverage, optional): Minimum number of labeled images per
            class. Defaults to None.

    Returns:
        tuple[list[str], list[str]]: Sorted labeled and unlabeled stems. For
        the ratio 1 both are the whole master list.

    Raises:
        InputError: If no image is left for the unlabeled list, the seed is
            out of range, or the labeled images are too few for the coverage.
    """
    stems = sorted(stems)
    if ratio == 1:
        return stems, list(stems)
    labeled_count = count_labeled(len(stems), ratio)
    if labeled_count >= len(stems):
        raise InputError(
            f'Ratio {ratio} of {len(stems)} images labels all of them and '
            'leaves none unlabeled; use a smaller ratio, a longer master '
            'list, or "full".')
    if not 0 <= seed < 2**32:
        raise InputError(f'Seed: got {seed}, expected 0 to {2**32 - 1}.')
    # The stream of RandomState is frozen by numpy, unlike that of
    # default_rng, so the lists stay the same with every numpy version.
    order = np.random.RandomState(seed).permutation(len(stems))
    if coverage:
        order = coverage.first(order, labeled_count)
    labeled = sorted(stems[index] for index in order[:labeled_count])
    unlabeled = sorted(stems[index] for index in order[labeled_count:])
    return labeled, unlabeled


def read_voc_stems(data_root: Path, list_file: Path) -> List[str]:
    """Reads the master list of PASCAL VOC.

    Args:
        data_root (Path): Folder ``VOC2012`` of the devkit.
        list_file (Path): Master list, relative to ``data_root``.

    Returns:
        list[str]: Stems such as ``2007_000032``.

    Raises:
        InputError: If the data root or the list is missing or unreadable.
    """
    require_folder(data_root, VOC_DOWNLOAD_HINT)
    path = data_root / list_file
    stems = read_stems(
        path, 'The list of the augmented training set is written by '
        'convert_sbd.py; another one is chosen with --list (relative to '
        '--data-root).')
    warn_if_count_differs(
        len(stems), VOC_TRAIN_AUG_COUNT, f'Master list {path}',
        'The labeled counts will not be those of the published lists; run '
        'convert_sbd.py for the full augmented training set.')
    return stems


def write_original_split(stems: Sequence[str], data_root: Path,
                         out_dir: Path) -> None:
    """Writes the split of Table 5 if VOC's own ``train.txt`` exists.

    Args:
        stems (Sequence[str]): Master list.
        data_root (Path): Folder ``VOC2012`` of the devkit.
        out_dir (Path): Folder of the lists; made if needed.
    """
    path = data_root / VOC_LISTS_FOLDER / 'train.txt'
    if not path.is_file():
        warn(f'{path} is missing, so the split {VOC_TRAIN_COUNT} of Table 5 '
             'is not written.')
        return
    labeled = sorted(set(stems).intersection(read_stems(path)))
    warn_if_count_differs(
        len(labeled), VOC_TRAIN_COUNT, f'Images of {path} in the master list',
        'Table 5 has all of them.')
    write_split(out_dir, str(VOC_TRAIN_COUNT), labeled,
                sorted(set(stems).difference(labeled)))


def scan_cityscapes_stems(data_root: Path) -> List[str]:
    """Finds the training images of Cityscapes.

    Args:
        data_root (Path): Folder that holds ``leftImg8bit``.

    Returns:
        list[str]: Stems such as ``aachen/aachen_000000_000019``.

    Raises:
        InputError: If there is no training image.
    """
    image_folder = data_root / 'leftImg8bit' / 'train'
    require_folder(image_folder, CITYSCAPES_DOWNLOAD_HINT)
    stems = [
        Path(name).as_posix()[:-len(CITYSCAPES_IMAGE_SUFFIX)] for name in
        scandir(image_folder, CITYSCAPES_IMAGE_SUFFIX, recursive=True)
    ]
    if not stems:
        raise InputError(f'Folder {image_folder} has no file '
                         f'*/*{CITYSCAPES_IMAGE_SUFFIX}. '
                         f'{CITYSCAPES_DOWNLOAD_HINT}')
    warn_if_count_differs(
        len(stems), CITYSCAPES_TRAIN_COUNT, f'Folder {image_folder}',
        'The labeled counts will not be those of the published lists; unpack '
        'leftImg8bit_trainvaltest.zip completely.')
    return stems


def read_extra_unlabeled(path: Path, master: Path,
                         held_out: Optional[Sequence[Path]]) -> List[str]:
    """Reads the list of images that are unlabeled in every split.

    Args:
        path (Path): List of the images that never had a mask.
        master (Path): Master list.
        held_out (Sequence[Path], optional): Lists of images that must not be
            used for training. None: ``val.txt`` and ``test.txt`` beside the
            master list, if they exist.

    Returns:
        list[str]: Stems.

    Raises:
        InputError: If a list is missing or unreadable, or if an image is in
            the master list or held out.
    """
    extra = read_stems(path)
    if held_out is None:
        beside = [master.parent / name for name in ('val.txt', 'test.txt')]
        held_out = [file for file in beside if file.is_file()]
    for other, advice in (
            (master, 'The master list already decides whether they are '
             'labeled'),
            *((file, 'Nothing may be learned from images that are for '
               'validation or testing') for file in held_out)):
        shared = sorted(set(extra).intersection(read_stems(other)))
        if shared:
            raise InputError(
                f'--extra-unlabeled {path}: {len(shared)} of {len(extra)} '
                f'images are also in {other}: {shorten(shared)}. {advice}; '
                'remove them from the list of extra images.')
    compared = ', '.join(map(str, held_out)) or 'no list of held-out images'
    print(f'{len(extra)} extra unlabeled images in each split, compared with '
          f'{compared}')
    return extra


def make_splits(stems: Sequence[str],
                ratios: Sequence[Fraction],
                seeds: Sequence[int],
                out_dir: Path,
                extra_unlabeled: Sequence[str] = (),
                coverage: Optional[Coverage] = None) -> None:
    """Writes the lists of labeled and unlabeled images.

    Args:
        stems (Sequence[str]): Master list without duplicates, in any order.
        ratios (Sequence[Fraction]): Shares of labeled images, above 0 and up
            to 1.
        seeds (Sequence[int]): Seeds of the permutation. Each seed gives lists
            of its own.
        out_dir (Path): Folder of the lists; made if needed.
        extra_unlabeled (Sequence[str]): Stems that are added to every
            unlabeled list, none of them in the master list. Defaults to ().
        coverage (Coverage, optional): See :func:`split_stems`. Defaults to
            None.

    Raises:
        InputError: If a ratio or seed does not fit; nothing is written then.
    """
    splits = {
        f'{format_ratio(ratio)}_seed{seed}': split_stems(
            stems, ratio, seed, coverage)
        for ratio in ratios
        for seed in seeds
    }
    print(f'{len(stems)} images in the master list, lists go to {out_dir}')
    for name, (labeled, unlabeled) in splits.items():
        write_split(out_dir, name, labeled,
                    sorted([*unlabeled, *extra_unlabeled]))
