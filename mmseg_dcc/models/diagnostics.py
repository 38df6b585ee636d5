"""Accuracy of pseudo labels, for unlabeled images whose masks are known.

The results are only logged: no loss uses a mask of an unlabeled image.
"""
from typing import List, Optional

import torch
from torch import Tensor

from .semi_batch import UNKNOWN_IN_FILES

UNKNOWN = -1
"""Label of a position whose true label is unknown."""


# Branches on which masks exist: compiling would gain nothing.
@torch.compiler.disable
@torch.no_grad()
def true_labels(masks: List[Optional[Tensor]], features: Tensor,
                ignore_index: int) -> Tensor:
    """True labels at the resolution of the features.

    The label of a position is that of the pixel at its centre.

    Args:
        masks (list[Tensor | None]): Masks of a view, shape (H, W) each,
            flipped like the features.
        features (Tensor): Maps of the view, shape (U, c, h, w); only their
            size and device are used.
        ignore_index (int): Id that the head ignores.

    Returns:
        Tensor: Integer, shape (U, h, w); -1 where the label is unknown.
    """
    size = features.shape[2:]
    labels = features.new_full((len(features), *size),
                               UNKNOWN,
                               dtype=torch.long)
    for of_image, mask in zip(labels, masks):
        if mask is not None:
            down, right = (m // n for m, n in zip(mask.shape, size))
            seen = mask[down // 2::down, right // 2::right]
            known = (seen != UNKNOWN_IN_FILES) & (seen != ignore_index)
            of_image.copy_(torch.where(known, seen, UNKNOWN))
    return labels


@torch.compiler.disable
@torch.no_grad()
def pseudo_label_precision(labels: Tensor, truth: Tensor,
                           negative_labels: Tensor,
                           negative_truth: Tensor) -> dict:
    """Precision of active anchors and of their negatives (Fig. 6).

    Args:
        labels (Tensor): Pseudo labels of the active anchors, shape (n,).
        truth (Tensor): Their true labels, shape (n,), -1 where unknown.
        negative_labels (Tensor): Pseudo labels of negatives, shape (m,).
        negative_truth (Tensor): Their true labels, shape (m,).

    Returns:
        dict[str, Tensor]: ``positive_precision``: share of the anchors whose
        pseudo label is true. Two shares of pairs of an anchor and a negative
        whose true labels differ: ``negative_precision`` among the pairs
        with different pseudo labels, which the loss uses by default, and
        ``random_negative_precision`` among all pairs. Anchors and pairs of
        unknown true labels do not count; a share of nothing is omitted.
    """
    known, negative_known = truth != UNKNOWN, negative_truth != UNKNOWN
    parts = [
        labels[known], truth[known], negative_labels[negative_known],
        negative_truth[negative_known]
    ]
    size = 1 + max(
        [int(part.max()) for part in parts if len(part)], default=0)
    anchors, negatives = _count(*parts[:2], size), _count(*parts[2:], size)
    pairs = anchors.sum() * negatives.sum()
    # Counts of all label combinations avoid a matrix of size n x m.
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


@torch.no_grad()
def counts_above(confidence: Tensor, labels: Tensor, truth: Tensor,
                 thresholds: Tensor) -> Tensor:
    """Numbers of correct and of all pseudo labels above each threshold.

    Args:
        confidence (Tensor): Confidence in [0, 1], any shape.
        labels (Tensor): Pseudo labels, same shape.
        truth (Tensor): True labels, same shape, -1 where unknown.
        thresholds (Tensor): Ascending, of the dtype of the confidence,
            shape (n,). A pixel counts if its confidence is at least the
            threshold.

    Returns:
        Tensor: int64, shape (2, n): correct pixels and all pixels. Pixels
        with unknown true label do not count.
    """
    known = truth != UNKNOWN
    passed = torch.bucketize(confidence[known], thresholds, right=True)
    right = passed[labels[known] == truth[known]]
    return torch.stack([
        torch.bincount(part, minlength=len(thresholds) + 1).flip(0).cumsum(0)
        .flip(0)[1:] for part in (right, passed)
    ])


def _count(labels: Tensor, truth: Tensor, size: int) -> Tensor:
    """Confusion matrix: rows are pseudo labels, columns true labels."""
    counts = torch.bincount(labels * size + truth, minlength=size**2)
    # float64 counts exactly, and CUDA has no matrix product of integers.
    return counts.view(size, size).double()
