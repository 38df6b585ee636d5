"""Confusion matrix of a validation over all processes."""
from typing import Sequence

import numpy as np
import torch
from mmengine.dist import all_reduce, get_dist_info
from mmseg.structures import SegDataSample


def count_pairs(truth: np.ndarray, prediction: np.ndarray, num_classes: int,
                ignore_index: int) -> np.ndarray:
    """Numbers of pixels by true and predicted class.

    Args:
        truth (np.ndarray): True ids, any shape. ``ignore_index`` and ids of
            no class do not count.
        prediction (np.ndarray): Predicted ids, same shape.
        num_classes (int): Number of classes.
        ignore_index (int): Id of ignored pixels.

    Returns:
        np.ndarray: Shape (num_classes, num_classes), int64. Rows are true
        classes, columns predicted classes.
    """
    counted = (
        (truth != ignore_index) & (truth >= 0) & (truth < num_classes)
        & (prediction < num_classes))
    pairs = truth[counted].astype(np.int64) * num_classes + prediction[counted]
    return np.bincount(
        pairs, minlength=num_classes**2).reshape(num_classes, num_classes)


class ConfusionMatrix:
    """Confusion matrix over the images of a validation.

    Args:
        num_classes (int): Number of classes of the data set.
        ignore_index (int): Id of ignored pixels.
        num_images (int): Number of images of the data set. A sampler that
            pads the last batches repeats some images; they count once, as in
            the metrics.
    """

    def __init__(self, num_classes: int, ignore_index: int,
                 num_images: int) -> None:
        self._ignore_index = ignore_index
        self._num_images = num_images
        self._rank, self._world_size = get_dist_info()
        self._seen = 0
        self._counts = np.zeros((num_classes, num_classes), np.int64)

    def add(self, samples: Sequence[SegDataSample]) -> None:
        """Adds the predictions of one batch of this process.

        Args:
            samples (Sequence[SegDataSample]): Samples with ``pred_sem_seg``;
                those without ``gt_sem_seg`` do not count.
        """
        for sample in samples:
            # Samplers of mmengine distribute the images in this order.
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
        """Counts of all processes; a collective call of each process."""
        counts = torch.from_numpy(self._counts.copy())
        all_reduce(counts)
        return counts.numpy()
