"""The Directional Contrastive (DC) loss: Eqs. 1 to 8 of the paper."""
from typing import Optional, Sequence

import torch
import torch.nn as nn
from mmseg.registry import MODELS
from torch import Tensor

from .info_nce import info_nce
from .reductions import mean_over_processes


def directional_mask(anchor_confidence: Tensor, positive_confidence: Tensor,
                     confidence_threshold: float) -> Tensor:
    """Which anchors are pulled towards their positive (Eqs. 2 and 7).

    The positive must be strictly more confident than the anchor and more
    confident than the threshold. A pair is thus active in at most one of the
    two directions.

    Args:
        anchor_confidence (Tensor): Highest class probability, shape (n,).
        positive_confidence (Tensor): Highest class probability, shape (n,).
        confidence_threshold (float): gamma of Eq. 7, in [0, 1].

    Returns:
        Tensor: Boolean, shape (n,).
    """
    return ((anchor_confidence < positive_confidence) &
            (positive_confidence > confidence_threshold))


def directional_contrastive_loss(anchor: Tensor, positive: Tensor,
                                 negatives: Tensor, anchor_confidence: Tensor,
                                 positive_confidence: Tensor,
                                 anchor_labels: Tensor,
                                 negative_labels: Tensor, temperature: float,
                                 confidence_threshold: float) -> Tensor:
    """DC loss of one direction, ``l(anchor, positive)`` of Eq. 6.

    The mean runs over the active positions (those that pass
    :func:`directional_mask`), as in the published code; Eq. 6 as printed
    divides by all positions of the overlap.

    Args:
        anchor (Tensor): Features to be moved, shape (n, c), floating point,
            rows L2-normalised.
        positive (Tensor): The same pixels in the other crop, shape (n, c),
            rows L2-normalised.
        negatives (Tensor): Features of the memory bank, shape (m, c), rows
            L2-normalised. m may be 0.
        anchor_confidence (Tensor): In [0, 1], shape (n,).
        positive_confidence (Tensor): In [0, 1], shape (n,).
        anchor_labels (Tensor): Pseudo labels of the anchors, shape (n,),
            integer. Negatives with the same label are left out (Eq. 5).
        negative_labels (Tensor): Shape (m,), integer.
        temperature (float): tau, > 0. The paper uses 0.1 (Sec. 4.1).
        confidence_threshold (float): gamma. The paper uses 0.75 (Sec. 4.1).

    Returns:
        Tensor: Scalar. The gradient flows to ``anchor`` alone. 0 with a
        graph when no position is active.
    """
    _check_temperature(temperature)
    active = directional_mask(anchor_confidence, positive_confidence,
                              confidence_threshold)
    rows = active.nonzero().squeeze(1)
    losses = info_nce(anchor[rows], positive[rows], negatives,
                      anchor_labels[rows], negative_labels, temperature)
    return losses.sum() / max(len(rows), 1)


def _check_temperature(temperature: float) -> None:
    if not temperature > 0:
        raise ValueError(
            f'The temperature must be greater than 0, got {temperature}. '
            'Change loss_dc.temperature in the model config (the paper uses '
            '0.1).')


@MODELS.register_module()
class DirectionalContrastiveLoss(nn.Module):
    r"""DC loss of both directions over the overlap of two crops (Eq. 8).

    .. math::
        \mathcal{L}_{dc} = \lambda \left( l(\phi_{o1}, \phi_{o2}) +
        l(\phi_{o2}, \phi_{o1}) \right)

    Each direction is a mean over its active positions in the whole batch.
    In distributed training it is a mean over the batch of *all* processes,
    so that the gradient is that of one process on the joined batch; the
    published code takes the mean in each process.

    Args:
        temperature (float): tau of Eq. 1, > 0. Defaults to 0.1, Sec. 4.1.
        confidence_threshold (float): gamma of Eq. 7, in [0, 1). Positives
            that are less confident are dropped. Defaults to 0.75, Sec. 4.1.
        loss_weight (float): lambda of Eq. 9, >= 0. Defaults to 0.1, Sec. 4.1.
        directional (bool): Whether only the less confident side is moved
            (``Dir`` in Table 3). If False, both sides are moved. Defaults to
            True.
        negative_sampling (bool): Whether negatives with the anchor's pseudo
            label are left out (``NS`` in Table 3). Defaults to True.
        positive_filtering (bool): Whether ``confidence_threshold`` is
            applied (``PF`` in Table 3). Defaults to True.
        loss_name (str): Key of the loss in the log, behind ``unsup_``. Must
            begin with ``loss_``, or mmengine does not add it to the total.
            Defaults to ``'loss_dc'``.

    Raises:
        ValueError: If an argument is out of its range.

    Examples:
        >>> model = dict(
        ...     type='DCCSegmentor',
        ...     loss_dc=dict(
        ...         type='DirectionalContrastiveLoss',
        ...         temperature=0.1,
        ...         confidence_threshold=0.75,
        ...         loss_weight=0.1))
    """

    #: Whether :class:`DCCSegmentor` keeps a memory bank for this loss.
    needs_negatives = True

    def __init__(self,
                 temperature: float = 0.1,
                 confidence_threshold: float = 0.75,
                 loss_weight: float = 0.1,
                 directional: bool = True,
                 negative_sampling: bool = True,
                 positive_filtering: bool = True,
                 loss_name: str = 'loss_dc') -> None:
        super().__init__()
        _check_temperature(temperature)
        if not 0 <= confidence_threshold < 1:
            raise ValueError(
                'loss_dc.confidence_threshold must be in [0, 1), since it is '
                f'compared with a probability; got {confidence_threshold}.')
        if loss_weight < 0:
            raise ValueError('loss_dc.loss_weight must not be negative, got '
                             f'{loss_weight}.')
        if not loss_name.startswith('loss_'):
            raise ValueError(
                "loss_dc.loss_name must begin with 'loss_', or mmengine does "
                f'not add it to the total loss; got {loss_name!r}.')
        self.temperature = temperature
        self.confidence_threshold = confidence_threshold
        self.loss_weight = loss_weight
        self.directional = directional
        self.negative_sampling = negative_sampling
        self.positive_filtering = positive_filtering
        self.loss_name = loss_name

    def active_masks(self, confidence1: Tensor,
                     confidence2: Tensor) -> tuple:
        """Active positions of both directions, two boolean (n,)."""
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
                negatives: Tensor,
                negative_labels: Tensor,
                active: Optional[tuple] = None) -> Tensor:
        """Loss of both directions.

        Args:
            features1 (Tensor): Overlap in crop 1, shape (n, c), rows
                L2-normalised.
            features2 (Tensor): The same pixels in crop 2, shape (n, c).
            confidence1 (Tensor): Highest class probability, shape (n,).
            confidence2 (Tensor): Highest class probability, shape (n,).
            labels1 (Tensor): Pseudo labels, shape (n,), integer.
            labels2 (Tensor): Pseudo labels, shape (n,), integer.
            negatives (Tensor): Rows of the memory bank, shape (m, c).
            negative_labels (Tensor): Their pseudo labels, shape (m,).
            active (tuple[Tensor], optional): Result of :meth:`active_masks`
                if it is at hand. Defaults to None: computed here.

        Returns:
            Tensor: Scalar, times ``loss_weight``.
        """
        active = active or self.active_masks(confidence1, confidence2)
        rows1, rows2 = (mask.nonzero().squeeze(1) for mask in active)
        # Both directions at once, so that the bank is read once.
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
        """Refuses crop pairs on which the loss makes no sense.

        Args:
            iou_range (tuple[float, float]): Of ``PairedRandomCrop``.
        """

    def row_losses(self, anchor: Tensor, positive: Tensor, labels: Tensor,
                   negatives: Tensor, negative_labels: Tensor) -> Tensor:
        """Loss of each anchor, shape (n,); see :func:`info_nce`."""
        if not self.negative_sampling:  # no label equals -1
            labels = torch.full_like(labels, -1)
        return info_nce(anchor, positive, negatives, labels, negative_labels,
                        self.temperature)
