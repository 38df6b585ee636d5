"""Flaw correction loss of GCT (Ke et al., ECCV 2020)."""
from torch import Tensor

from .reductions import mean_over_processes


def flaw_correction_loss(flaws: Tensor, bad: Tensor,
                         valid: Tensor) -> Tensor:
    """Squared flaw map of a network on the pixels where both networks fail.

    The network is trained through a
    :func:`~mmseg_dcc.models.frozen.frozen` detector to predict maps without
    flaws.

    Args:
        flaws (Tensor): Output of the detector for the network's prediction,
            shape (N, 1, H, W).
        bad (Tensor): bool, shape (N, 1, H, W), True where both networks are
            bad.
        valid (Tensor): bool, shape (N, H, W), False in padding.

    Returns:
        Tensor: Scalar, float32: sum over the bad pixels divided by the
        number of valid pixels, over all processes.
    """
    losses = flaws[:, 0].float().square() * (bad[:, 0] & valid)
    return losses.sum() / mean_over_processes(valid.sum())
