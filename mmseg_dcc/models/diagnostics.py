"""How often pseudo labels are right, where masks happen to exist.

For the log alone: no loss sees a mask of an unlabeled image.
"""
from typing import Sequence

import torch
from torch import Tensor

IGNORE = 255  # also stands for a position without a mask


# Masks are there or not: nothing to be gained by compiling.
@torch.compiler.disable
@torch.no_grad()
def true_labels(data_samples: Sequence, crop: int, features: Tensor) -> Tensor:
    """Labels of the pixels in the middle of the positions.

    Args:
        data_samples (Sequence[SegDataSample]): Of U crop pairs, with or
            without ``gt_sem_seg`` of shape (2, H, W), as flipped as the
            crops.
        crop (int): 0 or 1.
        features (Tensor): Maps of this crop, shape (U, c, h, w), for their
            size and device.

    Returns:
        Tensor: Integer, shape (U, h, w); 255 where the label is unknown.
    """
    size = features.shape[2:]
    labels = features.new_full((len(features), *size),
                               IGNORE,
                               dtype=torch.long)
    for of_image, sample in zip(labels, data_samples):
        if 'gt_sem_seg' in sample:
            mask = sample.gt_sem_seg.data[crop]
            down, right = (m // n for m, n in zip(mask.shape, size))
            of_image.copy_(mask[down // 2::down, right // 2::right])
    return labels


@torch.compiler.disable
@torch.no_grad()
def pseudo_label_precision(labels: Tensor, truth: Tensor,
                           negative_labels: Tensor,
                           negative_truth: Tensor) -> dict:
    """Precision of active anchors and of their negatives (Fig. 6).

    Args:
        labels (Tensor): Pseudo labels of the active anchors, shape (n,).
        truth (Tensor): Their true labels, shape (n,), 255 where unknown.
        negative_labels (Tensor): Pseudo labels of negatives, shape (m,).
        negative_truth (Tensor): Their true labels, shape (m,).

    Returns:
        dict[str, Tensor]: ``positive_precision``: share of the anchors whose
        pseudo label is true. Of the pairs of an anchor and a negative, the
        share with different true labels: ``negative_precision`` of pairs
        with different pseudo labels, which the loss uses by default,
        ``random_negative_precision`` of all pairs. Only pairs whose labels
        are known count; what no such anchor or pair defines is left out.
    """
    known = truth != IGNORE
    anchors = _count(labels[known], truth[known])
    known = negative_truth != IGNORE
    negatives = _count(negative_labels[known], negative_truth[known])
    pairs = anchors.sum() * negatives.sum()
    # From the counts of all combinations of labels: no (n, m) matrix.
    same_truth = anchors.sum(0) @ negatives.sum(0)
    same_label = anchors.sum(1) @ negatives.sum(1)
    same_both = (anchors * negatives).sum()
    shares = dict(
        positive_precision=(anchors.trace(), anchors.sum()),
        negative_precision=(pairs - same_truth - same_label + same_both,
                            pairs - same_label),
        random_negative_precision=(pairs - same_truth, pairs))
    return {
        name: right / total
        for name, (right, total) in shares.items() if total > 0
    }


def _count(labels: Tensor, truth: Tensor) -> Tensor:
    """How often each pseudo label (row) meets each true label (column)."""
    size = IGNORE + 1
    counts = torch.bincount(labels * size + truth, minlength=size**2)
    # As exact as whole numbers, which CUDA does not multiply in matrices.
    return counts.view(size, size).double()
