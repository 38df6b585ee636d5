"""What a threshold of confidence lets pass, compared with masks."""
from typing import NamedTuple, Optional, Sequence

import torch
from mmengine.dataset import pseudo_collate
from torch import Tensor, nn

from ..models.diagnostics import UNKNOWN, counts_above
from ..models.head_features import class_confidence

# What an advice may name, besides the thresholds of the terms.
CANDIDATES = (0., .5, .6, .7, .8, .9, .95, .97, .98, .99, .995, .999)


class GateCurve(NamedTuple):
    """What each threshold would let pass."""

    thresholds: Sequence[float]
    """Ascending, the first is 0."""
    right: Sequence[int]
    """Pixels above each threshold whose label is the true one."""
    passed: Sequence[int]
    """Pixels above each threshold."""

    def at(self, threshold: float) -> 'GatePoint':
        """One of the thresholds."""
        index = self.thresholds.index(threshold)
        right, passed = self.right[index], self.passed[index]
        return GatePoint(threshold, right / max(passed, 1),
                         passed / max(self.passed[0], 1))


class GatePoint(NamedTuple):
    """Precision of the labels that a threshold lets pass."""

    threshold: float
    precision: float
    """Share of right ones, in [0, 1]; 0 if none passes."""
    share: float
    """Of all pixels, in [0, 1]."""

    def __str__(self) -> str:
        return f'{self.share:.1%} of the pixels, {self.precision:.1%} right'


def counts_of_image(model: nn.Module, sample: dict,
                    thresholds: Tensor) -> Tensor:
    """See :func:`counts_above`.

    Args:
        model (SemiEncoderDecoder): In evaluation mode.
        sample (dict): One image of a data set, with its mask.
        thresholds (Tensor): Ascending, shape (n,).

    Returns:
        Tensor: int64, shape (2, n).
    """
    head = model.pixel_head
    found, = model.test_step(pseudo_collate([sample]))
    scores = found.seg_logits.data[None].float()
    if scores.size(1) == 1:
        scores = scores.logit()  # mmseg gives the probability there
    confidence, labels = class_confidence(head, scores)
    truth = found.gt_sem_seg.data.to(labels)
    truth = truth.where(truth != head.ignore_index,
                        torch.full_like(truth, UNKNOWN))
    return counts_above(confidence, labels, truth, thresholds)


def advice(curve: GateCurve, key: str, threshold: float,
           least_precision: float, least_ratio: float) -> Optional[str]:
    """What to change if a threshold lets too few or too wrong labels pass.

    Args:
        curve (GateCurve): Measured.
        key (str): Of the threshold, in words.
        threshold (float): One of the curve.
        least_precision (float): Of the labels that pass.
        least_ratio (float): Of the pixels that pass.

    Returns:
        str | None: None if nothing is to be changed.
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
        # as near as possible
        best = better[-1] if few else better[0]
        change = (f'{"Lower" if few else "Raise"} it to {best.threshold:g}: '
                  f'{best}.')
    else:
        change = ('No other is better: let the term begin later '
                  '(SupervisedWarmupHook, start_iters of the term), or label '
                  'more images.')
    bound = (f'fewer than {least_ratio:.0%} of the pixels'
             if few else f'fewer than {least_precision:.0%} right')
    return (f'Few pixels have a pseudo label: {key}={threshold:g} lets pass '
            if few else
            f'Pseudo labels are often wrong: {key}={threshold:g} lets pass '
            ) + f'{now}, on held-out images; {bound}. {change}'
