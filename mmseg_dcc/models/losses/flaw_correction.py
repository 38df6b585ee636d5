"""Flaw correction of two networks (Ke et al., ECCV 2020)."""
from torch import Tensor

from .reductions import mean_over_processes


def flaw_correction_loss(flaws: Tensor, bad: Tensor,
                         valid: Tensor) -> Tensor:
    """Squared flaws that a detector sees where no network is any good.

    The network learns through a detector that is
    :func:`~mmseg_dcc.models.frozen.frozen`: to predict what has no flaws.

    Args:
        flaws (Tensor): Flaw map of the network's prediction, as the detector
            gives it, shape (N, 1, H, W).
        bad (Tensor): bool, shape (N, 1, H, W), True where both networks are
            bad.
        valid (Tensor): bool, shape (N, H, W), False in padding.

    Returns:
        Tensor: Scalar, float32: sum over the bad pixels / number of all valid
        pixels, of all processes.
    """
    losses = flaws[:, 0].float().square() * (bad[:, 0] & valid)
    return losses.sum() / mean_over_processes(valid.sum())
