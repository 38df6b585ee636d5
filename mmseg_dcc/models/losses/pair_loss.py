"""Base class of losses on the features of one pixel in two views."""
from abc import abstractmethod
from typing import Optional, Sequence

import torch
import torch.nn as nn
from torch import Tensor

from .reductions import mean_over_processes


def directional_mask(anchor_confidence: Tensor, positive_confidence: Tensor,
                     confidence_threshold: float) -> Tensor:
    """Mask of the anchors that are pulled to their positive (Eqs. 2 and 7).

    The positive must be strictly more confident than the anchor and than the
    threshold. A pair is therefore active in at most one direction.

    Args:
        anchor_confidence (Tensor): Highest class probability, shape (n,).
        positive_confidence (Tensor): Highest class probability, shape (n,).
        confidence_threshold (float): gamma of Eq. 7, in [0, 1].

    Returns:
        Tensor: Boolean, shape (n,).
    """
    return ((anchor_confidence < positive_confidence) &
            (positive_confidence > confidence_threshold))


class PairLoss(nn.Module):
    r"""Loss of both directions over the overlap of two views (Eq. 8).

    .. math::
        \mathcal{L} = \lambda \left( l(\phi_{o1}, \phi_{o2}) +
        l(\phi_{o2}, \phi_{o1}) \right)

    Each direction is a mean over its active positions in the batch. In
    distributed training this is the batch of *all* processes, so that the
    gradient is that of one process on the joined batch; the published code
    takes the mean in each process.

    Args:
        confidence_threshold (float): gamma of Eq. 7, in [0, 1). Positives
            that are not more confident are dropped.
        loss_weight (float): lambda of Eq. 9, >= 0.
        directional (bool): Whether only the less confident side is pulled
            (``Dir`` in Table 3). If False, both sides are pulled.
        positive_filtering (bool): Whether ``confidence_threshold`` is
            applied (``PF`` in Table 3).

    Raises:
        ValueError: If an argument is out of range.
    """

    #: Whether the loss needs negatives of a memory bank.
    needs_negatives = False

    def __init__(self, confidence_threshold: float, loss_weight: float,
                 directional: bool, positive_filtering: bool) -> None:
        super().__init__()
        if not 0 <= confidence_threshold < 1:
            raise ValueError(
                f'{type(self).__name__}.confidence_threshold must be a '
                f'probability in [0, 1), got {confidence_threshold}.')
        if loss_weight < 0:
            raise ValueError(f'{type(self).__name__}.loss_weight must not be '
                             f'negative, got {loss_weight}.')
        self.confidence_threshold = confidence_threshold
        self.loss_weight = loss_weight
        self.directional = directional
        self.positive_filtering = positive_filtering

    def active_masks(self, confidence1: Tensor,
                     confidence2: Tensor) -> tuple:
        """Masks of the active positions of both directions, bool, (n,)."""
        threshold = self.confidence_threshold if self.positive_filtering else 0
        if self.directional:
            return (directional_mask(confidence1, confidence2, threshold),
                    directional_mask(confidence2, confidence1, threshold))
        return confidence2 > threshold, confidence1 > threshold

    def forward(self,
                features1: Tensor,
                features2: Tensor,
                confidence1: Tensor,
                confidence2: Tensor,
                labels1: Tensor,
                labels2: Tensor,
                negatives: Optional[Tensor] = None,
                negative_labels: Optional[Tensor] = None,
                active: Optional[tuple] = None) -> Tensor:
        """Loss of both directions.

        Args:
            features1 (Tensor): Features of the overlap in view 1, shape
                (n, c), rows L2-normalised.
            features2 (Tensor): Features of the same pixels in view 2, shape
                (n, c).
            confidence1 (Tensor): Highest class probability, shape (n,).
            confidence2 (Tensor): Highest class probability, shape (n,).
            labels1 (Tensor): Pseudo labels, shape (n,), integer.
            labels2 (Tensor): Pseudo labels, shape (n,), integer.
            negatives (Tensor, optional): Rows of the memory bank, shape
                (m, c). Defaults to None.
            negative_labels (Tensor, optional): Their pseudo labels, shape
                (m,). Defaults to None.
            active (tuple[Tensor], optional): Result of :meth:`active_masks`.
                Defaults to None: computed here.

        Returns:
            Tensor: Scalar, times ``loss_weight``.
        """
        active = active or self.active_masks(confidence1, confidence2)
        rows1, rows2 = (mask.nonzero().squeeze(1) for mask in active)
        # Both directions in one call, so that the bank is read once.
        losses = self.row_losses(
            torch.cat([features1[rows1], features2[rows2]]),
            torch.cat([features2[rows1], features1[rows2]]).detach(),
            torch.cat([labels1[rows1], labels2[rows2]]), negatives,
            negative_labels)
        sums = torch.stack([
            losses[:len(rows1)].sum(),
            losses[len(rows1):].sum(),
        ])
        counts = torch.stack(active).sum(1)
        return self.loss_weight * (sums / mean_over_processes(counts)).sum()

    def check_pairs(self, iou_range: Sequence[float]) -> None:
        """Checks that the loss works on crop pairs of these overlaps.

        Args:
            iou_range (tuple[float, float]): ``iou_range`` of
                ``PairedRandomCrop``.
        """

    @abstractmethod
    def row_losses(self, anchor: Tensor, positive: Tensor, labels: Tensor,
                   negatives: Tensor, negative_labels: Tensor) -> Tensor:
        """Loss of each anchor.

        Args:
            anchor (Tensor): Shape (n, c).
            positive (Tensor): Shape (n, c), without gradient.
            labels (Tensor): Pseudo labels of the anchors, shape (n,).
            negatives (Tensor | None): Shape (m, c).
            negative_labels (Tensor | None): Shape (m,).

        Returns:
            Tensor: Shape (n,).
        """
