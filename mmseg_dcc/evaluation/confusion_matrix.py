"""Which class was taken for which, in one validation of all processes."""
from typing import Sequence

import numpy as np
import torch
from mmengine.dist import all_reduce, get_dist_info
from mmseg.structures import SegDataSample


def count_pairs(truth: np.ndarray, prediction: np.ndarray, num_classes: int,
                ignore_index: int) -> np.ndarray:
    """Numbers of pixels by true and predicted class.

    Args:
        truth (np.ndarray): Ids of any shape; pixels that are
            ``ignore_index`` or no class do not count.
        prediction (np.ndarray): Ids of the same shape.
        num_classes (int): Ids are below it.
        ignore_index (int): See ``truth``.

    Returns:
        np.ndarray: Shape (num_classes, num_classes), int64: a row a true
        class, a column a predicted one.
    """
    counted = (
        (truth != ignore_index) & (truth >= 0) & (truth < num_classes)
        & (prediction < num_classes))
    pairs = truth[counted].astype(np.int64) * num_classes + prediction[counted]
    return np.bincount(
        pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


class ConfusionMatrix:
    """Counts of :func:`count_pairs` over the images of a validation.

    Args:
        num_classes (int): Of the data set.
        ignore_index (int): Id of pixels that do not count.
        num_images (int): Of the data set: a sampler that fills up the last
            batches gives some images twice, which count once, as in the
            scores.
    """

    def __init__(self, num_classes: int, ignore_index: int,
                 num_images: int) -> None:
        self._ignore_index = ignore_index
        self._num_images = num_images
        self._rank, self._world_size = get_dist_info()
        self._seen = 0
        self._counts = np.zeros((num_classes, num_classes), np.int64)

    def add(self, samples: Sequence[SegDataSample]) -> None:
        """Counts the predictions of one batch of this process.

        Args:
            samples (Sequence[SegDataSample]): With ``pred_sem_seg``; those
                without ``gt_sem_seg`` do not count.
        """
        for sample in samples:
            # as mmengine's samplers deal the images out
            number = self._seen * self._world_size + self._rank
            self._seen += 1
            if number >= self._num_images or 'gt_sem_seg' not in sample:
                continue
            truth, prediction = (
                part.data.squeeze(0).cpu().numpy()
                for part in (sample.gt_sem_seg, sample.pred_sem_seg))
            self._counts += count_pairs(
                truth, prediction, len(self._counts), self._ignore_index)

    def total(self) -> np.ndarray:
        """The sum over all processes, each of which must ask for it."""
        counts = torch.from_numpy(self._counts.copy())
        all_reduce(counts)
        return counts.numpy()
