"""Precision of the pseudo labels that pass a confidence threshold."""
from typing import NamedTuple, Optional, Sequence

import torch
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn

from ..models.diagnostics import UNKNOWN, counts_above
from ..models.head_features import class_confidence

# thresholds that advice may recommend, besides those of the terms
CANDIDATES = (0., .5, .6, .7, .8, .9, .95, .97, .98, .99, .995, .999)


class GateCurve(NamedTuple):
    """Numbers of pixels that pass each confidence threshold."""

    thresholds: Sequence[float]
    """Ascending thresholds, of which the first is 0."""
    right: Sequence[int]
    """Number of pixels above each threshold whose label is right."""
    passed: Sequence[int]
    """Number of pixels above each threshold."""

    def at(self, threshold: float) -> 'GatePoint':
        """Precision and share of labels at one of the thresholds."""
        index = self.thresholds.index(threshold)
        right, passed = self.right[index], self.passed[index]
        return GatePoint(threshold, right / max(passed, 1),
                         passed / max(self.passed[0], 1))


class GatePoint(NamedTuple):
    """Precision and share of the labels that pass a threshold."""

    threshold: float
    precision: float
    """Share of right labels, in [0, 1]; 0 if no pixel passes."""
    share: float
    """Share of all pixels, in [0, 1]."""

    def __str__(self) -> str:
        return f'{self.share:.1%} of the pixels, {self.precision:.1%} right'


def counts_of_image(model: nn.Module, sample: dict,
                    thresholds: Tensor) -> Tensor:
    """Counts of pixels above each threshold, see :func:`counts_above`.

    Args:
        model (SemiEncoderDecoder): Model in evaluation mode.
        sample (dict): Image of a data set, with its mask.
        thresholds (Tensor): Ascending, shape (n,).

    Returns:
        Tensor: int64, shape (2, n).
    """
    head = model.pixel_head
    found, = model.test_step(pseudo_collate([sample]))
    scores = found.seg_logits.data[None].float()
    if scores.size(1) == 1:
        scores = scores.logit()  # mmseg returns the probability there
    confidence, labels = class_confidence(head, scores)
    truth = found.gt_sem_seg.data.to(labels)
    truth = truth.where(truth != head.ignore_index,
                        torch.full_like(truth, UNKNOWN))
    return counts_above(confidence, labels, truth, thresholds)


def advice(curve: GateCurve, key: str, threshold: float,
           least_precision: float, least_ratio: float) -> Optional[str]:
    """Advice if a threshold lets too few or too many wrong labels pass.

    Args:
        curve (GateCurve): Measured curve.
        key (str): Config key of the threshold, in words.
        threshold (float): Threshold in use, one of the curve.
        least_precision (float): Required share of right labels.
        least_ratio (float): Required share of pixels with a label.

    Returns:
        str | None: None if nothing needs to change.
    """
    now = curve.at(threshold)
    few = now.share < least_ratio
    if not few and now.precision >= least_precision:
        return None
    better = [
        point for point in map(curve.at, curve.thresholds)
        if point.share >= least_ratio and point.precision >= least_precision
        and (point.threshold < threshold) == few
    ]
    if better:
        # the nearest threshold
        best = better[-1] if few else better[0]
        change = (f'{"Lower" if few else "Raise"} it to {best.threshold:g}: '
                  f'{best}.')
    else:
        change = ('No other threshold is better: let the term start later '
                  '(SupervisedWarmupHook, start_iters of the term), or label '
                  'more images.')
    bound = (f'fewer than {least_ratio:.0%} of the pixels'
             if few else f'fewer than {least_precision:.0%} right')
    return (f'Few pixels have a pseudo label: {key}={threshold:g} lets pass '
            if few else
            f'Pseudo labels are often wrong: {key}={threshold:g} lets pass '
            ) + f'{now}, on held-out images; {bound}. {change}'
