"""Cross entropy on pixels of low teacher entropy (U2PL, Sec. 3.2)."""
from typing import List, Sequence, Tuple

import torch
from torch import Tensor

from ..gathered_rows import gathered_rows
from .pseudo_label_loss import pseudo_label_loss
from .reductions import sum_over_processes


def pixel_entropy(probabilities: Tensor) -> Tensor:
    """Entropy of the class probabilities of each pixel, in nats.

    Args:
        probabilities (Tensor): Shape (N, C, H, W), in [0, 1], float32 or
            float64: half precision cannot distinguish confident pixels.

    Returns:
        Tensor: Shape (N, H, W), in [0, log C].
    """
    return -(probabilities * (probabilities + 1e-10).log()).sum(1)


def percentiles(values: Tensor, percents: Sequence[float]) -> List[Tensor]:
    """Percentiles with linear interpolation, as in ``numpy.percentile``.

    ``torch.quantile`` does not accept more than 16 million values.

    Args:
        values (Tensor): Any number of values, shape (n,).
        percents (Sequence[float]): Each in [0, 100].

    Returns:
        list[Tensor]: Scalars; NaN if n is 0, so that comparisons are False.
    """
    if not len(values):
        return [values.new_tensor(float('nan')) for _ in percents]
    ordered = values.sort()[0]
    found = []
    for percent in percents:
        position = (len(values) - 1) * percent / 100
        below = int(position)
        above = min(below + 1, len(values) - 1)
        found.append(
            torch.lerp(ordered[below], ordered[above], position - below))
    return found


@torch.no_grad()
def entropy_thresholds(entropy: Tensor, valid: Tensor,
                       share: float) -> Tuple[Tensor, Tensor]:
    """Entropy thresholds below and above which a share of the pixels lies.

    The percentiles are those of the pixels of all processes, so that the
    result is that of one process on the joined batch. The published code
    computes them in each process.

    Args:
        entropy (Tensor): Shape (N, H, W).
        valid (Tensor): bool, shape (N, H, W), False in padding.
        share (float): alpha_t of the paper as a fraction, in [0, 0.5].

    Returns:
        tuple[Tensor, Tensor]: Low and high threshold, scalars.
    """
    low, high = percentiles(
        gathered_rows(entropy[valid]), (100 * share, 100 - 100 * share))
    return low, high


def entropy_filtered_loss(scores: Tensor,
                          labels: Tensor,
                          kept: Tensor,
                          counted: Tensor,
                          use_sigmoid: bool = False) -> Tensor:
    """Unsupervised loss L_u of U2PL (Sec. 3.2).

    The mean cross entropy over the kept pixels, divided by their share of
    the counted pixels. Mean and share are those of the joined batch of all
    processes.

    Args:
        scores (Tensor): Logits, shape (N, C, H, W).
        labels (Tensor): Pseudo labels, int64, in [0, C), shape (N, H, W).
        kept (Tensor): bool, shape (N, H, W): reliable pixels outside the
            padding.
        counted (Tensor): bool, shape (N, H, W): all pixels outside the
            padding. In the paper, which has no padding: all pixels.
        use_sigmoid (bool): See :func:`pixel_cross_entropy`. Defaults to
            False.

    Returns:
        Tensor: Scalar, float32; 0 with a graph if no pixel is kept.
    """
    all_counted, all_kept = sum_over_processes(
        torch.stack([counted.sum(), kept.sum()]))
    return all_counted / all_kept.clamp(min=1) * pseudo_label_loss(
        scores, labels, kept.float(), kept, 0.5, 'kept', use_sigmoid)
