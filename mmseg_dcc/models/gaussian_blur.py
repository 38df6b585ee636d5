"""Gaussian blur of maps, with a kernel given by its size alone."""
from functools import lru_cache
from typing import Union

import torch
import torch.nn.functional as F
from torch import Tensor


def odd_size(size: int) -> int:
    """Size of a kernel that has a middle: the next odd number.

    Args:
        size (int): At least 0.
    """
    return size + 1 - size % 2


# In every step anew it would be a copy to the device that waits.
@lru_cache(maxsize=32)
def gaussian_kernel(size: int,
                    device: Union[str, torch.device] = 'cpu') -> Tensor:
    """One-dimensional Gaussian whose tails are folded back into its size.

    The standard deviation is 0.3 ((size - 1) / 2 - 1) + 0.8, that of OpenCV.
    The Gaussian reaches four of them to both sides; what lies beyond the
    kernel is mirrored at its ends (d c b a | a b c d | d c b a), as SciPy
    filters an impulse in an array of this size.

    Args:
        size (int): Number of weights, odd.
        device (str | torch.device): Where the kernel lies. Defaults to
            'cpu'.

    Returns:
        Tensor: float32, shape (size,), symmetric, of sum 1. Shared by all
        callers: not to be written to.
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
        size (int): Of the kernel, odd, in pixels.

    Returns:
        Tensor: float32, of the shape given.
    """
    with torch.autocast(maps.device.type, enabled=False):
        kernel = gaussian_kernel(size, maps.device)
        half = size // 2
        maps = F.pad(maps.float(), (half, ) * 4, mode='reflect')
        maps = F.conv2d(maps, kernel.view(1, 1, -1, 1))
        return F.conv2d(maps, kernel.view(1, 1, 1, -1))
