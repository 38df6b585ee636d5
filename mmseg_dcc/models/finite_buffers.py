"""Protection of batch norm statistics from overflows in mixed precision."""
from contextlib import contextmanager
from typing import Iterator

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def keep_finite_buffers(module: nn.Module) -> Iterator[None]:
    """Context manager that keeps infinities out of batch norm statistics.

    Under autocast a forward pass may overflow. The loss scaler then skips
    the update and lowers its scale, but the running means and variances
    would stay infinite. If one of them becomes infinite in the context, all
    are restored to their values before it. Without autocast the context does
    nothing.

    There is no synchronisation with the device. The forward pass must be
    inside the context, the backward pass need not be.

    Args:
        module (nn.Module): Module whose batch norms of any kind are
            protected.

    Examples:
        >>> with keep_finite_buffers(model):
        ...     losses = model.loss(inputs, data_samples)
    """
    # The public function takes a device type, but only since torch 2.4.
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
    # ``data`` has a separate version counter. Autograd would otherwise raise
    # an error for statistics that were changed after the forward pass,
    # although the backward pass does not use them in training.
    return [
        buffer.data for layer in module.modules()
        if isinstance(layer, _BatchNorm)
        for buffer in layer.buffers(recurse=False)
        if buffer.is_floating_point()
    ]


def _flat(buffers: list) -> torch.Tensor:
    return torch.cat([buffer.flatten() for buffer in buffers
                      ]) if buffers else torch.empty(0)
