"""Gaussian blur of maps with a kernel that its size determines."""
from functools import lru_cache
from typing import Union

import torch
import torch.nn.functional as F
from torch import Tensor


def odd_size(size: int) -> int:
    """Odd kernel size: the given size, or the next larger one if it is even.

    Args:
        size (int): Size of at least 0.
    """
    return size + 1 - size % 2


# Cached, since each copy to the device would synchronise.
@lru_cache(maxsize=32)
def gaussian_kernel(size: int,
                    device: Union[str, torch.device] = 'cpu') -> Tensor:
    """One-dimensional Gaussian kernel whose tails are folded into its size.

    The standard deviation is 0.3 ((size - 1) / 2 - 1) + 0.8, as in OpenCV.
    The Gaussian is cut at four standard deviations. Weights beyond the
    kernel are mirrored at its ends (d c b a | a b c d | d c b a), as when
    SciPy filters an impulse in an array of this size.

    Args:
        size (int): Number of weights, odd.
        device (str | torch.device): Device of the kernel. Defaults to 'cpu'.

    Returns:
        Tensor: float32, shape (size,), symmetric, with sum 1. It is cached:
        do not modify it.
    """
    sigma = 0.3 * ((size - 1) / 2 - 1) + 0.8
    radius = int(4 * sigma + 0.5)
    offsets = torch.arange(-radius, radius + 1)
    weights = torch.exp(-offsets.double()**2 / (2 * sigma**2))
    positions = (offsets + size // 2) % (2 * size)
    folded = torch.minimum(positions, 2 * size - 1 - positions)
    kernel = weights.new_zeros(size).index_add(0, folded, weights)
    return (kernel / kernel.sum()).float().to(device)


def gaussian_blur(maps: Tensor, size: int) -> Tensor:
    """Maps blurred with :func:`gaussian_kernel`, in float32.

    Beyond the border the maps are mirrored (d c b | a b c d | c b a).

    Args:
        maps (Tensor): Shape (N, 1, H, W), with H and W above ``size // 2``.
        size (int): Size of the kernel in pixels, odd.

    Returns:
        Tensor: float32, same shape.
    """
    with torch.autocast(maps.device.type, enabled=False):
        kernel = gaussian_kernel(size, maps.device)
        half = size // 2
        maps = F.pad(maps.float(), (half, ) * 4, mode='reflect')
        maps = F.conv2d(maps, kernel.view(1, 1, -1, 1))
        return F.conv2d(maps, kernel.view(1, 1, 1, -1))
