from typing import Sequence

from mmseg.registry import MODELS
from torch import Tensor

from .pair_loss import PairLoss


@MODELS.register_module()
class L2ConsistencyLoss(PairLoss):
    r"""Squared distance of positive pairs, an ablation of the DC loss.

    Experiment I of Table 3, without negatives:

    .. math::
        \mathcal{L} = \lambda \left( \frac{1}{N} \sum
        \lVert \phi_{o1} - \bar\phi_{o2} \rVert_2^2 + \frac{1}{N} \sum
        \lVert \phi_{o2} - \bar\phi_{o1} \rVert_2^2 \right)

    with L2-normalised features; no gradient flows to those with a bar.
    Without ``directional`` the gradient is that of the plain squared
    distance with respect to both sides.

    Args:
        loss_weight (float): lambda, >= 0. Defaults to 0.1, as for the DC
            loss: the paper states no other value.
        directional (bool): Whether only the less confident side is pulled.
            Defaults to False, Table 3, I.
        positive_filtering (bool): Whether positives below
            ``confidence_threshold`` are dropped. Defaults to False, Table 3,
            I.
        confidence_threshold (float): gamma of Eq. 7, in [0, 1). Defaults to
            0.75, Sec. 4.1.

    Raises:
        ValueError: If an argument is out of range.

    Examples:
        >>> model = dict(
        ...     loss_dc=dict(
        ...         _delete_=True, type='L2ConsistencyLoss', loss_weight=0.1),
        ...     memory_bank=None)
    """

    def __init__(self,
                 loss_weight: float = 0.1,
                 directional: bool = False,
                 positive_filtering: bool = False,
                 confidence_threshold: float = 0.75) -> None:
        super().__init__(confidence_threshold, loss_weight, directional,
                         positive_filtering)

    def check_pairs(self, iou_range: Sequence[float]) -> None:
        """See :class:`PairLoss`.

        Raises:
            ValueError: If ``directional`` is set with identical crops.
        """
        if self.directional and min(iou_range) >= 1:
            raise ValueError(
                'L2ConsistencyLoss with directional=True needs crops with '
                'different context, one of which is more confident, but '
                f'PairedRandomCrop.iou_range={tuple(iou_range)} cuts '
                'identical crops. Set directional=False in the loss or a '
                'lower iou_range.')

    def row_losses(self, anchor: Tensor, positive: Tensor, *_) -> Tensor:
        """Squared distance of each pair, shape (n,), at least float32."""
        return (anchor.float() - positive.float()).square().sum(1)
