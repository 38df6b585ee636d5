"""Counts over the joined batch of all processes."""
import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor


def sum_over_processes(counts: Tensor) -> Tensor:
    """Sum of counts over all processes.

    Args:
        counts (Tensor): Any shape, the same in each process.

    Returns:
        Tensor: float32, of the shape given.
    """
    total = counts.to(torch.float32, copy=True)
    all_reduce(total)
    return total


def share_over_processes(kept: Tensor, counted: Tensor) -> Tensor:
    """Share of the counted pixels that is kept, over all processes.

    Args:
        kept (Tensor): bool, any shape, True only where counted.
        counted (Tensor): bool, of the same shape.

    Returns:
        Tensor: Scalar, float32, in [0, 1]. 0 when nothing is counted.
    """
    all_kept, all_counted = sum_over_processes(
        torch.stack([kept.sum(), counted.sum()]))
    return all_kept / all_counted.clamp(min=1)


def mean_over_processes(counts: Tensor) -> Tensor:
    """Mean of counts over all processes, at least 1 in total.

    DDP averages gradients over processes; a sum divided by this number and
    averaged is the mean over the joined batch.

    Args:
        counts (Tensor): Any shape, the same in each process.

    Returns:
        Tensor: float32, of the shape given.
    """
    return sum_over_processes(counts).clamp(min=1) / get_world_size()


def masked_mean_over_processes(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the masked values of the joined batch, over processes.

    Args:
        values (Tensor): Any shape.
        mask (Tensor): bool, of that shape.

    Returns:
        Tensor: Scalar; its mean over the processes is the mean of what is
        masked. 0 with a graph when nothing is.
    """
    return (values * mask).sum() / mean_over_processes(mask.sum())


def weighted_mean_over_processes(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted mean over the joined batch, averaged over processes.

    Args:
        values (Tensor): Any shape.
        weights (Tensor): Of that shape, without gradient: numbers >= 0, or
            bool.

    Returns:
        Tensor: Scalar; its mean over the processes is the weighted mean. 0
        with a graph when every weight is 0.
    """
    total = sum_over_processes(weights.sum())
    total = total.where(total > 0, torch.ones_like(total))
    return (values * weights).sum() * get_world_size() / total
