"""The Directional Contrastive (DC) loss: Eqs. 1 to 8 of the paper."""
import torch
from mmseg.registry import MODELS
from torch import Tensor

from .info_nce import info_nce
from .pair_loss import PairLoss, directional_mask


def directional_contrastive_loss(anchor: Tensor, positive: Tensor,
                                 negatives: Tensor, anchor_confidence: Tensor,
                                 positive_confidence: Tensor,
                                 anchor_labels: Tensor,
                                 negative_labels: Tensor, temperature: float,
                                 confidence_threshold: float) -> Tensor:
    """DC loss of one direction, ``l(anchor, positive)`` of Eq. 6.

    The loss is a mean over the active positions (see
    :func:`directional_mask`), as in the published code. Eq. 6 as printed
    divides by the number of all positions of the overlap.

    Args:
        anchor (Tensor): Features to be pulled, shape (n, c), floating point,
            rows L2-normalised.
        positive (Tensor): Features of the same pixels in the other crop,
            shape (n, c), rows L2-normalised.
        negatives (Tensor): Features of the memory bank, shape (m, c), rows
            L2-normalised. m may be 0.
        anchor_confidence (Tensor): Confidence in [0, 1], shape (n,).
        positive_confidence (Tensor): Confidence in [0, 1], shape (n,).
        anchor_labels (Tensor): Pseudo labels of the anchors, shape (n,),
            integer. Negatives with the same label are excluded (Eq. 5).
        negative_labels (Tensor): Pseudo labels of the negatives, shape (m,),
            integer.
        temperature (float): tau, > 0. The paper uses 0.1 (Sec. 4.1).
        confidence_threshold (float): gamma. The paper uses 0.75 (Sec. 4.1).

    Returns:
        Tensor: Scalar. The gradient flows to ``anchor`` alone. 0 with a
        graph if no position is active.
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
            'Change loss.temperature of the term in model.terms (the paper '
            'uses 0.1).')


@MODELS.register_module()
class DirectionalContrastiveLoss(PairLoss):
    """DC loss of both directions over the overlap of two views (Eq. 8).

    Args:
        temperature (float): tau of Eq. 1, > 0. Defaults to 0.1, Sec. 4.1.
        confidence_threshold (float): See :class:`PairLoss`. Defaults to
            0.75, Sec. 4.1.
        loss_weight (float): lambda of Eq. 9, >= 0. Defaults to 0.1, Sec. 4.1.
        directional (bool): Whether only the less confident side is pulled
            (``Dir`` in Table 3). If False, both sides are pulled. Defaults
            to True.
        negative_sampling (bool): Whether negatives with the anchor's pseudo
            label are excluded (``NS`` in Table 3). Defaults to True.
        positive_filtering (bool): Whether ``confidence_threshold`` is
            applied (``PF`` in Table 3). Defaults to True.

    Raises:
        ValueError: If an argument is out of range.

    Examples:
        >>> terms = dict(
        ...     dc=dict(
        ...         type='DirectionalContrast',
        ...         loss=dict(
        ...             type='DirectionalContrastiveLoss',
        ...             temperature=0.1,
        ...             confidence_threshold=0.75,
        ...             loss_weight=0.1)))
    """

    needs_negatives = True

    def __init__(self,
                 temperature: float = 0.1,
                 confidence_threshold: float = 0.75,
                 loss_weight: float = 0.1,
                 directional: bool = True,
                 negative_sampling: bool = True,
                 positive_filtering: bool = True) -> None:
        super().__init__(confidence_threshold, loss_weight, directional,
                         positive_filtering)
        _check_temperature(temperature)
        self.temperature = temperature
        self.negative_sampling = negative_sampling

    def row_losses(self, anchor: Tensor, positive: Tensor, labels: Tensor,
                   negatives: Tensor, negative_labels: Tensor) -> Tensor:
        """Loss of each anchor, shape (n,); see :func:`info_nce`."""
        if not self.negative_sampling:  # no label equals -1
            labels = torch.full_like(labels, -1)
        return info_nce(anchor, positive, negatives, labels, negative_labels,
                        self.temperature)
