"""Batch norms with fixed running statistics during training."""
from contextlib import contextmanager
from typing import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def running_norms(module: nn.Module, enabled: bool = True) -> Iterator[None]:
    """Context manager that sets batch norms to evaluation mode.

    They normalise with their running statistics, which do not change. Scale
    and shift are still trained.

    Args:
        module (nn.Module): Module whose batch norms of any kind are set to
            evaluation mode, if they are in training mode, and back.
        enabled (bool): If False, the context does nothing. Defaults to True.

    Examples:
        >>> with running_norms(model):
        ...     scores = model.encode_decode(images, metas)
    """
    norms = [
        layer for layer in module.modules()
        if isinstance(layer, _BatchNorm) and layer.training
    ] if enabled else []
    try:
        for norm in norms:
            norm.eval()
        yield
    finally:
        for norm in norms:
            norm.train()
