"""Feature perturbations of CCT (Ouali et al., CVPR 2020)."""
from typing import List, Optional, Sequence, Tuple

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..structures.view_info import Box
from .channel_dropout import mask_channels

#: Settings of each kind, with the values of CCT.
PERTURBATIONS = dict(
    vat=dict(xi=0.1, eps=2.),
    dropout=dict(prob=0.5),
    cutout=dict(erase=0.4, min_points=50),
    context={},
    object={},
    feature_drop=dict(threshold_range=(0.7, 0.9)),
    feature_noise=dict(amplitude=0.3))


def drop_channels(features: Tensor, prob: float = 0.5) -> Tensor:
    """DropOut: features with random channels of each image set to 0.

    The other channels are scaled by 1 / (1 - prob).

    Args:
        features (Tensor): Shape (N, C, h, w).
        prob (float): Probability that a channel is dropped, in [0, 1).
            Defaults to 0.5, CCT.

    Returns:
        Tensor: Same shape.
    """
    kept = torch.rand(features.shape[:2], device=features.device) >= prob
    return mask_channels(features, kept / (1 - prob))


def drop_active(features: Tensor,
                threshold_range: Sequence[float] = (0.7, 0.9),
                valid: Optional[Tensor] = None) -> Tensor:
    """F-Drop: features with the most active positions set to 0.

    Args:
        features (Tensor): Shape (N, C, h, w).
        threshold_range (tuple[float, float]): Range of the threshold, which
            is drawn once for the batch; see :func:`drop_active_above`.
            Defaults to (0.7, 0.9), CCT.
        valid (Tensor, optional): See :func:`drop_active_above`.

    Returns:
        Tensor: Same shape.
    """
    low, high = threshold_range
    return drop_active_above(features,
                             low + (high - low) * torch.rand(()).item(), valid)


def drop_active_above(features: Tensor,
                      threshold: float,
                      valid: Optional[Tensor] = None) -> Tensor:
    """F-Drop with a given threshold; see :func:`drop_active`.

    Args:
        features (Tensor): Shape (N, C, h, w). A position is dropped if its
            mean over channels is at least ``threshold`` times the highest
            mean of the image; no position is if all means are negative.
        threshold (float): Threshold in [0, 1].
        valid (Tensor, optional): bool, shape (N, H, W), False in padding,
            which does not count for the highest mean. Defaults to None: no
            padding.

    Returns:
        Tensor: Same shape. No gradient flows through the means.
    """
    means = features.detach().mean(1, keepdim=True)
    seen = means
    if valid is not None:
        seen = means.masked_fill(
            ~nearest(valid, means.shape[2:]), float('-inf'))
    highest = seen.amax((2, 3), keepdim=True)
    return features * (means < threshold * highest)


def scale_by_noise(features: Tensor, amplitude: float = 0.3) -> Tensor:
    """F-Noise: features multiplied by random factors near 1.

    Args:
        features (Tensor): Shape (N, C, h, w).
        amplitude (float): The factors are uniform in [1 - amplitude,
            1 + amplitude]. Defaults to 0.3, CCT.

    Returns:
        Tensor: Same shape. All images have the same factors, as published.
    """
    noise = (2 * torch.rand_like(features[0]) - 1) * amplitude
    return features + features * noise


def mask_context(features: Tensor, foreground: Tensor) -> Tensor:
    """Con-Msk: features with the background set to 0.

    Args:
        features (Tensor): Shape (N, C, h, w).
        foreground (Tensor): bool, shape (N, H, W), True on objects.

    Returns:
        Tensor: Same shape.
    """
    return features * nearest(foreground, features.shape[2:])


def mask_objects(features: Tensor, foreground: Tensor) -> Tensor:
    """Obj-Msk: features with objects set to 0; see :func:`mask_context`."""
    return features * ~nearest(foreground, features.shape[2:])


def cut_out(features: Tensor,
            objects: Sequence[Sequence[Box]],
            size: Sequence[int],
            erase: float = 0.4) -> Tensor:
    """G-Cutout: features with a part of each object set to 0.

    Args:
        features (Tensor): Shape (N, C, h, w).
        objects (Sequence[Sequence[Box]]): Boxes of the objects of each
            image, see :func:`object_boxes`.
        size (tuple[int, int]): Height and width of the images in pixels.
        erase (float): See :func:`draw_cutouts`. Defaults to 0.4, CCT.

    Returns:
        Tensor: Same shape.
    """
    kept = kept_by_cutouts([draw_cutouts(boxes, erase) for boxes in objects],
                           size)
    return mask_context(features, kept.to(features.device))


# Runs on the CPU with other boxes in each batch: nothing to compile.
@torch.compiler.disable
def object_boxes(foreground: Tensor, min_points: int = 50) -> List[List[Box]]:
    """Bounding boxes of the 8-connected components of each foreground.

    Components inside a hole of another one are skipped. As published, a
    component counts if its outer contour has enough corners, not enough
    pixels, so that large components with straight edges are skipped, and
    boxes end one pixel early.

    Args:
        foreground (Tensor): bool, shape (N, H, W).
        min_points (int): The contour must have more corners than this.
            Defaults to 50, CCT.

    Returns:
        list[list[Box]]: Boxes (top, left, bottom, right) of the objects of
        each image in pixels, bottom and right exclusive.
    """
    found = []
    for mask in foreground.byte().cpu().numpy():
        contours, _ = cv2.findContours(
            np.ascontiguousarray(mask), cv2.RETR_EXTERNAL,
            cv2.CHAIN_APPROX_SIMPLE)
        corners = [
            contour[:, 0] for contour in contours if len(contour) > min_points
        ]
        found.append([(*map(int, points.min(0)[::-1]),
                       *map(int, points.max(0)[::-1])) for points in corners])
    return found


def draw_cutouts(objects: Sequence[Box], erase: float = 0.4) -> List[Box]:
    """Random boxes, one inside each object, drawn on the CPU.

    Args:
        objects (Sequence[Box]): Boxes of one image, see
            :func:`object_boxes`.
        erase (float): Height and width of a random box as a share of the
            object's, in [0, 1]. Defaults to 0.4, CCT: 16 % of the area.

    Returns:
        list[Box]: Boxes in pixels, one for each object.
    """
    cutouts = []
    for top, left, bottom, right in objects:
        height, width = bottom - top, right - left
        top += int(torch.randint(int(height * (1 - erase)) + 1, ()))
        left += int(torch.randint(int(width * (1 - erase)) + 1, ()))
        cutouts.append(
            (top, left, top + int(height * erase), left + int(width * erase)))
    return cutouts


def kept_by_cutouts(cutouts: Sequence[Sequence[Box]],
                    size: Sequence[int]) -> Tensor:
    """Masks that are False inside the boxes.

    Args:
        cutouts (Sequence[Sequence[Box]]): Boxes of each image.
        size (tuple[int, int]): Height and width of the images in pixels.

    Returns:
        Tensor: bool, shape (N, H, W), on the CPU.
    """
    kept = torch.ones(len(cutouts), *size, dtype=torch.bool)
    for mask, boxes in zip(kept, cutouts):
        for top, left, bottom, right in boxes:
            mask[top:bottom, left:right] = False
    return kept


def shift_adversarially(features: Tensor,
                        decoder: nn.Module,
                        valid: Optional[Tensor] = None,
                        xi: float = 0.1,
                        eps: float = 2.) -> Tensor:
    """I-VAT: features shifted in the direction that changes the output most.

    The direction comes from one step of the power method (Miyato et al.,
    TPAMI 2018) from a random direction, in at least float32 also inside
    autocast. The gradients of the decoder's parameters are not touched.

    Difference from the published code: there, xi = 1e-6 and the 1e-8 added to
    the norm give a shift that is a thousand times too short, in a direction
    that is rounding noise in float32. Here the direction is normalised
    exactly, and xi is large enough for float32.

    Args:
        features (Tensor): Shape (N, C, h, w).
        decoder (nn.Module): Decoder from features to logits of shape
            (N, classes, s h, s w).
        valid (Tensor, optional): bool, shape (N, H, W), False in padding,
            which does not contribute to the divergence. Defaults to None: no
            padding.
        xi (float): Length of the trial shift, > 0. Defaults to 0.1, the
            default of the published class.
        eps (float): Length of the shift, an L2 norm over the image. Defaults
            to 2, the published config.

    Returns:
        Tensor: Same shape, at least float32. The backward pass treats the
        shift as a constant.
    """
    with torch.enable_grad(), torch.autocast(
            features.device.type, enabled=False):
        clean = features.detach()
        clean = clean.to(torch.promote_types(clean.dtype, torch.float32))
        direction = random_direction(clean).requires_grad_()
        before = decoder(clean).detach().log_softmax(1)
        after = decoder(clean + xi * direction).log_softmax(1)
        divergence = (before.exp() * (before - after)).sum(1, keepdim=True)
        if valid is not None:
            divergence = divergence * nearest(valid, divergence.shape[2:])
        gradient, = torch.autograd.grad(divergence.sum(), direction)
    return features + eps * normalised(gradient)


def random_direction(features: Tensor) -> Tensor:
    """Random directions of L2 norm 1 for each image, of the same shape."""
    return normalised(torch.rand_like(features) - 0.5)


def normalised(directions: Tensor) -> Tensor:
    """Directions scaled to an L2 norm of 1 for each image; 0 stays 0.

    Args:
        directions (Tensor): Shape (N, C, h, w).
    """
    # First by the maximum: squares of small gradients are 0 in float32.
    largest = directions.abs().amax((1, 2, 3), keepdim=True)
    directions = directions / largest.where(largest > 0,
                                            torch.ones_like(largest))
    norm = directions.square().sum((1, 2, 3), keepdim=True).sqrt()
    return directions / norm.clamp(min=1)


def nearest(masks: Tensor, size: Tuple[int, int]) -> Tensor:
    """Masks resized by nearest neighbour: the top left pixel of each block.

    Args:
        masks (Tensor): bool, shape (N, H, W).
        size (tuple[int, int]): Height and width of the result.

    Returns:
        Tensor: bool, shape (N, 1, h, w).
    """
    return F.interpolate(masks[:, None].float(), tuple(size)).bool()
