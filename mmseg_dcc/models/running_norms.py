"""Batch norms that use, and keep, their running statistics."""
from contextlib import contextmanager
from typing import Iterator

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def running_norms(module: nn.Module, enabled: bool = True) -> Iterator[None]:
    """Context in which batch norms normalise as they do in a test.

    Their scale and shift still learn; their running statistics stay.

    Args:
        module (nn.Module): Batch norms of any kind in train mode are set to
            evaluation mode and back.
        enabled (bool): False: nothing is done. Defaults to True.

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
