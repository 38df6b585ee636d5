"""Random parts for training, validation and test of a data set."""
import math
from pathlib import Path
from typing import Dict, List, Optional, Sequence

import numpy as np

from ..utils.input_error import InputError
from ..utils.list_files import write_stems
from ..utils.public_data import VOC_LISTS_FOLDER


def draw_parts(groups: Sequence[Sequence[str]], val_share: float,
               test_share: float,
               seed: Optional[int]) -> Dict[str, List[str]]:
    """Draws the parts for validation and test; the rest is for training.

    Args:
        groups (Sequence[Sequence[str]]): Stems by group. The shares apply to
            each group, so that each part has images of every group.
        val_share (float): Share of each group for validation, in (0, 1); the
            number of images is rounded down.
        test_share (float): Share of each group for the test, in [0, 1);
            rounded down, too.
        seed (int, optional): Seed of the draw, 0 to 2**32 - 1. None: the
            first images of a group are for training, the next for
            validation, the last for the test.

    Returns:
        dict[str, list[str]]: Stems of ``train``, ``val`` and, unless its
        share is 0, ``test``, in the order of the groups.

    Raises:
        InputError: If a share or the seed is out of range, or a part is
            empty.
    """
    if not (0 < val_share < 1 and 0 <= test_share < 1 and
            val_share + test_share < 1):
        raise InputError(
            f'--val-share {val_share} and --test-share {test_share}: expected '
            'a share above 0 for validation and of at least 0 for the test, '
            'with a sum below 1.')
    if seed is not None and not 0 <= seed < 2**32:
        raise InputError(f'--seed: got {seed}, expected 0 to {2**32 - 1}.')
    random = None if seed is None else np.random.RandomState(seed)
    parts: Dict[str, List[str]] = {'train': [], 'val': []}
    if test_share:
        parts['test'] = []
    for stems in groups:
        # rounded to 6 digits first, since 100 * 0.29 is a little below 29
        val, test = (math.floor(round(len(stems) * share, 6))
                     for share in (val_share, test_share))
        train = len(stems) - val - test
        order = np.arange(len(stems))
        if random is not None:
            order = random.permutation(order)
        for name, chosen in zip(
                parts, np.split(order, [train, train + val])):
            parts[name].extend(stems[index] for index in sorted(chosen))
    for name, stems in parts.items():
        if not stems:
            raise InputError(
                f'No image is left for {name}.txt: groups of '
                f'{[*map(len, groups)]} images, --val-share {val_share}, '
                f'--test-share {test_share}. Change the shares.')
    return parts


def write_parts(parts: Dict[str, List[str]], out_dir: Path) -> None:
    """Writes the lists of the parts and prints their counts.

    A list of an earlier conversion that is not written now is removed, since
    it could name images that are for training now.

    Args:
        parts (dict[str, list[str]]): Stems by part, see :func:`draw_parts`;
            may also have ``unlabeled``.
        out_dir (Path): Data root.
    """
    for part in ('train', 'val', 'test', 'unlabeled'):
        path = out_dir / VOC_LISTS_FOLDER / f'{part}.txt'
        if part in parts:
            write_stems(path, parts[part])
            print(f'{part}: {len(parts[part])} images')
        elif path.is_file():
            path.unlink()
            print(f'{part}: none; removed {path} of an earlier conversion')
