"""Adversarial losses of AdvSemiSeg (Hung et al., BMVC 2018)."""
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor

from .reductions import masked_mean_over_processes


def realism_loss(score_map: Tensor,
                 real: bool,
                 valid: Optional[Tensor] = None) -> Tensor:
    """Binary cross entropy of discriminator scores with a constant target.

    The discriminator is trained with ``real=True`` on label maps and
    ``real=False`` on detached predictions. The segmentor is trained with
    ``real=True`` on its predictions, through a
    :func:`~mmseg_dcc.models.frozen.frozen` discriminator.

    Args:
        score_map (Tensor): Logits of "this is a label map", shape
            (N, 1, H, W).
        real (bool): Whether the target is 1 (a label map) or 0.
        valid (Tensor, optional): bool, shape (N, H, W), False at ignored
            pixels. Defaults to None: every pixel counts.

    Returns:
        Tensor: Scalar, float32: mean over the valid pixels of all
        processes. 0 with a graph if there is none.
    """
    score_map = score_map[:, 0].float()
    losses = F.softplus(-score_map if real else score_map)
    if valid is None:
        valid = torch.ones_like(losses, dtype=torch.bool)
    return masked_mean_over_processes(losses, valid)


def one_hot_maps(labels: Tensor, num_classes: int,
                 ignore_index: int) -> Tensor:
    """One-hot encoded label maps, the input of a discriminator.

    Args:
        labels (Tensor): int64, shape (N, H, W), in [0, num_classes) or
            ``ignore_index``.
        num_classes (int): Channels of the result.
        ignore_index (int): Label of ignored pixels. They are 0 in every
            channel.

    Returns:
        Tensor: float32, shape (N, num_classes, H, W).
    """
    classes = torch.arange(num_classes, device=labels.device)
    hot = labels[:, None] == classes[:, None, None]
    return (hot & (labels != ignore_index)[:, None]).float()


def trusted_mask(score_map: Tensor, threshold: float) -> Tensor:
    """Mask of the pixels that the discriminator classifies as a label map.

    Args:
        score_map (Tensor): Logits at image size, shape (N, 1, H, W).
        threshold (float): Minimum sigmoid of a trusted pixel, in [0, 1]. The
            published code uses 0.2.

    Returns:
        Tensor: bool, shape (N, H, W).
    """
    return score_map[:, 0].float().sigmoid() >= threshold
