"""Cross pseudo supervision of two networks (Chen et al., CVPR 2021)."""
from typing import Optional

import torch
from torch import Tensor

from .pixel_cross_entropy import pixel_cross_entropy
from .reductions import masked_mean_over_processes


def cross_pseudo_loss(scores1: Tensor,
                      scores2: Tensor,
                      labels1: Tensor,
                      labels2: Tensor,
                      valid: Optional[Tensor] = None,
                      use_sigmoid: bool = False) -> Tensor:
    """Cross entropy of each network with the hard labels of the other.

    The sum of both directions, each a mean over the valid pixels of all
    processes. Without CutMix the labels are the argmax of these scores; with
    CutMix they are the argmax on the clean images, mixed like the images.

    Args:
        scores1 (Tensor): Logits of network 1, shape (N, C, H, W).
        scores2 (Tensor): Logits of network 2 on the same images.
        labels1 (Tensor): Labels predicted by network 1, int64, shape
            (N, H, W), in [0, C).
        labels2 (Tensor): Labels predicted by network 2.
        valid (Tensor, optional): bool, shape (N, H, W). Defaults to None:
            every pixel counts, as published, including padding and the
            ignored pixels of labeled images.
        use_sigmoid (bool): See :func:`pixel_cross_entropy`. Defaults to
            False.

    Returns:
        Tensor: Scalar, float32. 0 with a graph if no pixel is valid.
    """
    losses = (
        pixel_cross_entropy(scores1, labels2, use_sigmoid) +
        pixel_cross_entropy(scores2, labels1, use_sigmoid))
    if valid is None:
        valid = torch.ones_like(losses, dtype=torch.bool)
    return masked_mean_over_processes(losses, valid)
