"""Batch statistics in mixed precision, where a forward pass may overflow."""
from contextlib import contextmanager
from typing import Iterator

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def keep_finite_buffers(module: nn.Module) -> Iterator[None]:
    """Context in which an overflow leaves no trace in batch statistics.

    With autocast a sum may overflow. The loss scaler then leaves the update
    out and tries a smaller scale, but running means and variances have taken
    the infinity in, for good. If any of them is lost in the context, all are
    put back to what they were before. Without autocast nothing is done.

    Nothing waits for the device. The forward pass must be in the context,
    the backward pass need not be.

    Args:
        module (nn.Module): Its batch norms, of whatever kind, are watched.

    Examples:
        >>> with keep_finite_buffers(model):
        ...     losses = model.loss(inputs, data_samples)
    """
    # The public function wants a device, and knows none before torch 2.4.
    buffers = _statistics(
        module) if torch._C._is_any_autocast_enabled() else []
    before = _flat(buffers)
    yield
    if not buffers:
        return
    after = _flat(buffers)
    lost = (before.isfinite() & ~after.isfinite()).any()
    parts = torch.where(lost, before, after).split(
        [buffer.numel() for buffer in buffers])
    torch._foreach_copy_(
        buffers,
        [part.view_as(buffer) for part, buffer in zip(parts, buffers)])


def _statistics(module: nn.Module) -> list:
    # ``data`` counts versions of its own: the backward pass of a batch norm
    # refuses statistics that were written to since, although it does not use
    # them in training.
    return [
        buffer.data for layer in module.modules()
        if isinstance(layer, _BatchNorm)
        for buffer in layer.buffers(recurse=False)
        if buffer.is_floating_point()
    ]


def _flat(buffers: list) -> torch.Tensor:
    return torch.cat([buffer.flatten() for buffer in buffers
                      ]) if buffers else torch.empty(0)
