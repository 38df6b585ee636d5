"""Sums and means over the joined batch of all processes."""
import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor


def sum_over_processes(counts: Tensor) -> Tensor:
    """Sum of counts over all processes.

    Args:
        counts (Tensor): Any shape, the same in each process.

    Returns:
        Tensor: float32, same shape.
    """
    total = counts.to(torch.float32, copy=True)
    all_reduce(total)
    return total


def share_over_processes(kept: Tensor, counted: Tensor) -> Tensor:
    """Share of the counted pixels that is kept, over all processes.

    Args:
        kept (Tensor): bool, any shape, True only where counted.
        counted (Tensor): bool, same shape.

    Returns:
        Tensor: Scalar, float32, in [0, 1]. 0 if nothing is counted.
    """
    all_kept, all_counted = sum_over_processes(
        torch.stack([kept.sum(), counted.sum()]))
    return all_kept / all_counted.clamp(min=1)


def mean_over_processes(counts: Tensor) -> Tensor:
    """Mean of counts over processes, with their sum clamped to at least 1.

    DDP averages gradients over processes. If each process divides its sum by
    this number, the average is the mean over the joined batch.

    Args:
        counts (Tensor): Any shape, the same in each process.

    Returns:
        Tensor: float32, same shape.
    """
    return sum_over_processes(counts).clamp(min=1) / get_world_size()


def masked_mean_over_processes(values: Tensor, mask: Tensor) -> Tensor:
    """Contribution of a process to the masked mean over the joined batch.

    Args:
        values (Tensor): Any shape.
        mask (Tensor): bool, same shape, True for the values that count.

    Returns:
        Tensor: Scalar whose mean over the processes is the masked mean. 0
        with a graph if the mask is False everywhere.
    """
    return (values * mask).sum() / mean_over_processes(mask.sum())


def weighted_mean_over_processes(values: Tensor, weights: Tensor) -> Tensor:
    """Contribution of a process to the weighted mean over the joined batch.

    Args:
        values (Tensor): Any shape.
        weights (Tensor): Numbers >= 0 or bool, same shape, without gradient.

    Returns:
        Tensor: Scalar whose mean over the processes is the weighted mean. 0
        with a graph if every weight is 0.
    """
    total = sum_over_processes(weights.sum())
    total = total.where(total > 0, torch.ones_like(total))
    return (values * weights).sum() * get_world_size() / total
