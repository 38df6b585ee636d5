"""Losses of error-correcting supervision (after Mendel et al., ECCV 2020).

The input of the corrector is an image with its predicted label map. It has
one class more than the segmentor: "match", whose id is the number of classes.
"""
from typing import Tuple, Union

import torch
from torch import Tensor

from .pixel_cross_entropy import pixel_cross_entropy
from .reductions import sum_over_processes, weighted_mean_over_processes

CERTAINTIES = ('max', 'target', 'none')
BALANCED = 'balanced'


def correction_targets(labels: Tensor, masks: Tensor,
                       match: int) -> Tensor:
    """Targets of the corrector on labeled images.

    Args:
        labels (Tensor): Labels predicted by the segmentor, int64, shape
            (N, H, W).
        masks (Tensor): Ground truth, int64, shape (N, H, W).
        match (int): Id of "match", the number of classes.

    Returns:
        Tensor: int64, shape (N, H, W): ``match`` where the segmentor is
        right, else the ground truth, including its ignored id.
    """
    return masks.masked_fill(labels == masks, match)


def corrector_loss(scores: Tensor,
                   targets: Tensor,
                   known: Tensor,
                   match_weight: Union[float, str] = BALANCED) -> Tensor:
    """Cross entropy of the corrector, with a weight for "match".

    Args:
        scores (Tensor): Logits of the corrector, shape (N, C + 1, H, W).
        targets (Tensor): Result of :func:`correction_targets`.
        known (Tensor): bool, shape (N, H, W), False at ignored pixels.
        match_weight (float | str): Weight of pixels whose target is "match";
            all others have weight 1. 'balanced': both kinds have the same
            total weight, as in the localisation network of ELN (Kwon and
            Kwak, CVPR 2022). Defaults to 'balanced'.

    Returns:
        Tensor: Scalar, float32: the weighted mean over the known pixels of
        all processes. 0 with a graph if there is none.
    """
    match = scores.shape[1] - 1
    losses = pixel_cross_entropy(scores, targets.where(known, 0 * targets))
    right = known & (targets == match)
    wrong = known & (targets != match)
    if match_weight == BALANCED:
        counts = sum_over_processes(torch.stack([right.sum(), wrong.sum()]))
        of_right, of_wrong = 1 / counts.clamp(min=1)
    else:
        of_right, of_wrong = match_weight, 1.
    return weighted_mean_over_processes(losses,
                                        of_right * right + of_wrong * wrong)


def match_loss(scores: Tensor, known: Tensor) -> Tensor:
    """Regulariser: cross entropy of the corrector's scores with "match".

    It trains the segmentor, through a
    :func:`~mmseg_dcc.models.frozen.frozen` corrector, to predict maps that
    need no correction.

    Args:
        scores (Tensor): Logits of the corrector, shape (N, C + 1, H, W).
        known (Tensor): bool, shape (N, H, W), False at ignored pixels.

    Returns:
        Tensor: Scalar, float32: mean over the known pixels of all processes.
    """
    targets = torch.full_like(known, scores.shape[1] - 1, dtype=torch.int64)
    return weighted_mean_over_processes(
        pixel_cross_entropy(scores, targets), known)


def corrected_labels(scores: Tensor,
                     labels: Tensor,
                     certainty: str = 'max') -> Tuple[Tensor, Tensor]:
    """Labels of the segmentor after correction, and their certainty.

    A label is replaced by the class of the corrector unless that is "match".

    Args:
        scores (Tensor): Logits of the corrector, shape (N, C + 1, H, W).
        labels (Tensor): Labels predicted by the segmentor, int64, shape
            (N, H, W).
        certainty (str): 'max': the highest probability of the corrector.
            'target': its probability that the corrected label is right, that
            is the probability of the class, plus that of "match" if the
            segmentor predicts the same class. 'none': 1 everywhere. Defaults
            to 'max'.

    Returns:
        tuple[Tensor, Tensor]: Labels, int64, and certainty, float32, in
        [0, 1], both of shape (N, H, W).

    Raises:
        ValueError: If ``certainty`` is unknown.
    """
    if certainty not in CERTAINTIES:
        raise ValueError(f'certainty must be one of {CERTAINTIES}, got '
                         f'{certainty!r}. Change certainty of ErrorCorrection '
                         'in model.terms.')
    probabilities = scores.float().softmax(1)
    highest, named = probabilities.max(1)
    match = scores.shape[1] - 1
    corrected = labels.where(named == match, named)
    if certainty == 'none':
        return corrected, torch.ones_like(highest)
    if certainty == 'target':
        of_class = probabilities.gather(1, corrected[:, None])[:, 0]
        return corrected, (
            of_class + probabilities[:, match] * (corrected == labels))
    return corrected, highest


def corrected_label_loss(scores: Tensor,
                         labels: Tensor,
                         certainty: Tensor,
                         valid: Tensor,
                         normalise: str = 'valid',
                         use_sigmoid: bool = False) -> Tensor:
    """Cross entropy with corrected labels, weighted by their certainty.

    Args:
        scores (Tensor): Logits of the segmentor, shape (N, C, H, W).
        labels (Tensor): Labels of :func:`corrected_labels`.
        certainty (Tensor): Certainty of :func:`corrected_labels`.
        valid (Tensor): bool, shape (N, H, W). False in padding.
        normalise (str): Divisor of the weighted sum. 'valid': the number of
            valid pixels, so that the loss shrinks with the certainty.
            'certainty': the sum of the weights. Defaults to 'valid'.
        use_sigmoid (bool): See :func:`pixel_cross_entropy`. Defaults to
            False.

    Returns:
        Tensor: Scalar, float32, a mean over all processes. 0 with a graph
        if every weight is 0.

    Raises:
        ValueError: If ``normalise`` is unknown.
    """
    if normalise not in ('valid', 'certainty'):
        raise ValueError("normalise must be 'valid' or 'certainty', got "
                         f'{normalise!r}. Change normalise of ErrorCorrection '
                         'in model.terms.')
    losses = pixel_cross_entropy(scores, labels, use_sigmoid)
    if normalise == 'valid':
        return weighted_mean_over_processes(certainty * losses, valid)
    return weighted_mean_over_processes(losses, certainty * valid)
