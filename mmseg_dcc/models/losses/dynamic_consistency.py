"""Dynamic consistency of two networks (Ke et al., ECCV 2020)."""
import torch
from torch import Tensor

from .reductions import masked_mean_over_processes


def no_worse_mask(own_flaws: Tensor,
                  other_flaws: Tensor,
                  threshold: float = 0.6) -> Tensor:
    """Mask of the pixels at which a network has no more flaws than the other.

    Flaws above the threshold count as equally bad.

    Args:
        own_flaws (Tensor): Result of :func:`normalised_flaw_map` for the
            network, in [0, 1], shape (N, 1, H, W).
        other_flaws (Tensor): The same for the other network.
        threshold (float): Flaw above which a pixel is bad. Defaults to 0.6,
            as published.

    Returns:
        Tensor: bool, shape (N, 1, H, W). True also where both are equal.
    """
    own, other = (
        flaws.masked_fill(flaws > threshold, 1.)
        for flaws in (own_flaws, other_flaws))
    return other >= own


def dynamic_consistency_loss(own: Tensor, other: Tensor, no_worse: Tensor,
                             valid: Tensor) -> Tensor:
    """Squared error of one network's probabilities against the better ones.

    The target is the other network's prediction where that has fewer flaws,
    else the network's own. Call the function a second time for the other
    network.

    Args:
        own (Tensor): Probabilities of the trained network, shape
            (N, C, H, W).
        other (Tensor): Probabilities of the other network.
        no_worse (Tensor): Result of :func:`no_worse_mask`, bool, shape
            (N, 1, H, W).
        valid (Tensor): bool, shape (N, H, W), False in padding.

    Returns:
        Tensor: Scalar, float32: mean over classes and the valid pixels of
        all processes. The gradient flows to ``own`` alone.
    """
    target = torch.where(no_worse, own, other).detach().float()
    losses = (own.float() - target).square().mean(1)
    return masked_mean_over_processes(losses, valid)
