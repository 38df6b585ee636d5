"""Complementary channel dropout of two views (UniMatch V2)."""
from typing import Optional, Tuple, Union

import torch
from torch import Tensor


def complementary_masks(
    count: int,
    channels: int,
    keep_share: float = 0.5,
    device: Optional[Union[str, torch.device]] = None
) -> Tuple[Tensor, Tensor]:
    """Masks that keep each channel in one of two views, drawn on the CPU.

    Args:
        count (int): Number of unlabeled images.
        channels (int): Channels of the features.
        keep_share (float): Share of the images whose views keep all
            channels, in [0, 1], rounded down to whole images. Defaults to
            0.5, UniMatch V2.
        device (torch.device, optional): Device of the masks. Defaults to
            None: the CPU.

    Returns:
        tuple[Tensor, Tensor]: float32 masks of the two views, each of shape
        (count, channels), see :func:`complementary_masks_from`.
    """
    bernoulli = torch.rand(count, channels) < 0.5
    untouched = torch.randperm(count)[:int(count * keep_share)]
    mask1, mask2 = complementary_masks_from(bernoulli, untouched)
    return mask1.to(device), mask2.to(device)


def complementary_masks_from(bernoulli: Tensor,
                             untouched: Tensor) -> Tuple[Tensor, Tensor]:
    """Masks of :func:`complementary_masks` from given draws.

    Args:
        bernoulli (Tensor): 0 or 1, shape (count, channels). 1 where the
            first view keeps the channel.
        untouched (Tensor): Indices of the images whose views keep all
            channels, int64, shape (n,).

    Returns:
        tuple[Tensor, Tensor]: 2 where a view keeps the channel, 0 where it
        drops it, 1 for untouched images. The masks add up to 2, so that
        their mean leaves features unchanged.
    """
    mask1 = (2. * bernoulli).index_fill(0, untouched, 1.)
    return mask1, 2 - mask1


def mask_channels(maps: Tensor, masks: Tensor) -> Tensor:
    """Features multiplied by one factor for each image and channel.

    Args:
        maps (Tensor): Feature maps (N, C, h, w), tokens (N, tokens, C), or
            one token per image (N, C).
        masks (Tensor): Factors, shape (N, C).

    Returns:
        Tensor: Shape and dtype of ``maps``.
    """
    masks = masks.to(maps.dtype)
    if maps.ndim == 2:
        return maps * masks
    return maps * (masks[:, None] if maps.ndim == 3 else masks[..., None,
                                                                 None])
