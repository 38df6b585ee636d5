"""Flaw maps of GCT: where a prediction is wrong (Ke et al., ECCV 2020)."""
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor

from ..gaussian_blur import gaussian_blur, odd_size
from .adversarial_loss import one_hot_maps


@torch.no_grad()
def flaw_target(probabilities: Tensor, labels: Tensor,
                ignore_index: int) -> Tensor:
    """Target of the flaw detector: the flaw map of a prediction with a mask.

    Half of the sum over the classes of abs(one-hot - probability), blurred
    with a kernel of an eighth of the shorter side, dilated by a pixel,
    blurred with a kernel of a quarter of that side (mu = 0.5 and nu = 1 in
    Sec. 3.2), then stretched to [0, 1] in each image.

    As published, an ignored pixel counts as half wrong, since its one-hot
    vector is 0 in every class. A constant map becomes 0 here; the published
    code divides its rounding errors by 1e-9.

    Args:
        probabilities (Tensor): Class probabilities, shape (N, C, H, W).
        labels (Tensor): int64, shape (N, H, W), in [0, C) or
            ``ignore_index``.
        ignore_index (int): Label of ignored pixels.

    Returns:
        Tensor: float32, in [0, 1], shape (N, 1, H, W), without gradient.
    """
    known = one_hot_maps(labels, probabilities.shape[1], ignore_index)
    flaws = (known - probabilities.float()).abs().sum(1, keepdim=True) / 2
    side = min(labels.shape[1:])
    flaws = gaussian_blur(flaws, odd_size(side // 8))
    flaws = F.max_pool2d(flaws, 3, stride=1, padding=1)
    flaws = gaussian_blur(flaws, odd_size(side // 4))
    return _stretched(flaws, torch.ones_like(flaws, dtype=torch.bool))


@torch.no_grad()
def normalised_flaw_map(flaws: Tensor,
                     valid: Optional[Tensor] = None,
                     least: float = 0.1) -> Tensor:
    """Flaw map of a detector, normalised to compare two networks.

    Negative values become 0; the map is blurred with a kernel of a sixteenth
    of the shorter side and stretched to [0, 1] in each image. A map without
    a value above ``least`` counts as free of flaws and becomes 0.

    Differences from the published code: a map that is free of flaws or
    constant becomes 0 (published: a negative constant, or rounding errors
    divided by 1e-9); ``flaws`` is not modified (published: clamped in place,
    so that the loss of the detector does not see negative values).

    Args:
        flaws (Tensor): Output of the detector, shape (N, 1, H, W).
        valid (Tensor, optional): bool, shape (N, H, W), False in padding,
            which affects neither the blur nor the range. Defaults to None:
            all pixels.
        least (float): Highest value, after the blur, of a map that counts as
            free of flaws. Defaults to 0.1, as published.

    Returns:
        Tensor: float32, in [0, 1], 0 in padding, shape (N, 1, H, W), without
        gradient.
    """
    flaws = flaws.float().clamp(min=0)
    seen = (torch.ones_like(flaws, dtype=torch.bool)
            if valid is None else valid[:, None])
    size = odd_size(min(flaws.shape[2:]) // 16)
    share = gaussian_blur(seen.float(), size)
    flaws = gaussian_blur(flaws * seen, size) / share.clamp(min=1e-6)
    return _stretched(flaws, seen, least)


def _stretched(maps: Tensor, seen: Tensor, least: float = 0.) -> Tensor:
    """Maps stretched to [0, 1] in each image, 0 if no value > ``least``."""
    low = maps.masked_fill(~seen, float('inf')).amin((2, 3), keepdim=True)
    high = maps.masked_fill(~seen, -float('inf')).amax((2, 3), keepdim=True)
    span = high - low
    # A smaller span is rounding error.
    blank = (high <= least) | (span <= 1e-5 * high) | ~seen
    return torch.where(blank, torch.zeros_like(maps), (maps - low) / span)
