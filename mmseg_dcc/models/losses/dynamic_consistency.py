"""Dynamic consistency of two networks (Ke et al., ECCV 2020)."""
import torch
from torch import Tensor

from .reductions import masked_mean_over_processes


def keeps_its_own(own_flaws: Tensor,
                  other_flaws: Tensor,
                  threshold: float = 0.6) -> Tensor:
    """Pixels at which a network is no worse than the other one.

    All flaws above the threshold are equally bad.

    Args:
        own_flaws (Tensor): In [0, 1], shape (N, 1, H, W), of
            :func:`handled_flaw_map`.
        other_flaws (Tensor): Likewise, of the other network.
        threshold (float): Flaw above which a pixel is bad. Defaults to 0.6,
            as published.

    Returns:
        Tensor: bool, shape (N, 1, H, W). True where both are equal.
    """
    own, other = (
        flaws.masked_fill(flaws > threshold, 1.)
        for flaws in (own_flaws, other_flaws))
    return other >= own


def dynamic_consistency_loss(own: Tensor, other: Tensor, keeps: Tensor,
                             valid: Tensor) -> Tensor:
    """What one network learns of the other: where that has fewer flaws.

    Squared error of the probabilities, with the network's own as target where
    it is no worse. Call it a second time for the other network.

    Args:
        own (Tensor): Probabilities of the network that learns, shape
            (N, C, H, W).
        other (Tensor): Of the other network.
        keeps (Tensor): bool, shape (N, 1, H, W), see :func:`keeps_its_own`.
        valid (Tensor): bool, shape (N, H, W), False in padding.

    Returns:
        Tensor: Scalar, float32: mean over classes and the valid pixels of
        all processes. The gradient flows to ``own`` alone.
    """
    target = torch.where(keeps, own, other).detach().float()
    losses = (own.float() - target).square().mean(1)
    return masked_mean_over_processes(losses, valid)
