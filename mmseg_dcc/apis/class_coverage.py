"""Class coverage: labeled images that show every class."""
import sys
from pathlib import Path
from typing import List, NamedTuple, Sequence

import numpy as np
from mmengine.utils import track_iter_progress
from PIL import Image

from ..utils.input_error import InputError, require_folder


class Coverage(NamedTuple):
    """Minimum number of labeled images per class.

    A random draw of few images can miss a class, which the network then
    cannot learn. Someone who chooses the images to annotate would avoid that.

    Args:
        shown (np.ndarray): Which image shows which class, bool, shape
            (images, classes); images in sorted order.
        least (int): Minimum number of images per class, at least 1.
    """

    shown: np.ndarray
    least: int

    def first(self, order: Sequence[int], count: int) -> List[int]:
        """Permutation that starts with images which cover every class.

        The classes are processed from the rarest to the most frequent one.
        For each, the first images in the given order that show it are
        selected until ``least`` is reached. All other images follow in the
        given order, so that smaller draws are subsets of larger ones.

        Args:
            order (Sequence[int]): Permutation of the images.
            count (int): Number of labeled images.

        Returns:
            list[int]: Permutation of the images.

        Raises:
            InputError: If fewer than ``least`` images show a class, or if the
                coverage needs more than ``count`` images.
        """
        counts = self.shown.sum(0)
        if counts.min() < self.least:
            raise InputError(
                f'--least-per-class {self.least}: a class is on '
                f'{counts.min()} of the {len(order)} images of the master '
                'list. Use a smaller number.')
        chosen: List[int] = []
        for number in np.argsort(counts, kind='stable'):
            showing = [index for index in order if self.shown[index, number]]
            missing = self.least - self.shown[chosen, number].sum()
            new = [index for index in showing if index not in chosen]
            chosen += new[:max(missing, 0)]
        if len(chosen) > count:
            raise InputError(
                f'--least-per-class {self.least}: {len(chosen)} images are '
                f'needed for it, and {count} shall be labeled. Use a smaller '
                'number or a larger ratio.')
        return chosen + [index for index in order if index not in chosen]


def read_coverage(stems: Sequence[str], masks: Path, least: int) -> Coverage:
    """Reads from the masks which image shows which class.

    Args:
        stems (Sequence[str]): Master list.
        masks (Path): Folder of the masks, ``<stem>.png``: single-channel,
            8-bit, class ids, 255 where ignored.
        least (int): See :class:`Coverage`.

    Returns:
        Coverage: Coverage of the classes that occur in any mask.

    Raises:
        InputError: If a mask is missing or is not single-channel 8-bit.
    """
    require_folder(masks, 'It holds the masks of the master list.')
    shown = np.zeros((len(stems), 256), dtype=bool)
    progress = track_iter_progress(sorted(stems), file=sys.stderr)
    for index, stem in enumerate(progress):
        path = masks / f'{stem}.png'
        if not path.is_file():
            raise InputError(f'--masks: {path} is missing.')
        with Image.open(path) as mask:
            if mask.mode not in ('L', 'P'):
                raise InputError(
                    f'--masks: {path} has the mode {mask.mode}, expected a '
                    'single-channel 8-bit file of class ids.')
            shown[index, np.unique(np.asarray(mask))] = True
    shown[:, 255] = False
    return Coverage(shown[:, shown.any(0)], least)
