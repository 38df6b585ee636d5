"""Masked cross entropy of pseudo labels, in the normalisations in use."""
from torch import Tensor

from .pixel_cross_entropy import pixel_cross_entropy
from .reductions import (
    masked_mean_over_processes,
    mean_over_processes,
    share_over_processes,
)

NORMALISATIONS = ('valid', 'kept', 'share')


def pseudo_label_loss(scores: Tensor,
                      labels: Tensor,
                      confidence: Tensor,
                      valid: Tensor,
                      threshold: float,
                      normalise: str = 'valid',
                      use_sigmoid: bool = False) -> Tensor:
    """Cross entropy with pseudo labels where they are confident.

    A pixel is *kept* if it is valid and its confidence is at least the
    threshold. With sums over the batch:

    * ``'valid'``: sum over the kept pixels / number of valid ones. The fewer
      are kept, the smaller the loss (FixMatch and UniMatch).
    * ``'kept'``: mean over the kept pixels, whatever their number
      (AdvSemiSeg).
    * ``'share'``: mean over *all* valid pixels times the share of them that
      is kept (ClassMix).

    The batch is that of all processes, so that the gradient is that of one
    process on the joined batch; the published codes count in each process.

    Args:
        scores (Tensor): Logits at the size of the image, shape (N, C, H, W).
        labels (Tensor): Pseudo labels, int64, shape (N, H, W), in [0, C).
        confidence (Tensor): Of the labels, in [0, 1], shape (N, H, W).
        valid (Tensor): bool, shape (N, H, W). False in padding.
        threshold (float): Least confidence of a kept pixel. Above 1 none is
            kept, at 0 all are.
        normalise (str): ``'valid'``, ``'kept'`` or ``'share'``. Defaults to
            ``'valid'``.
        use_sigmoid (bool): See :func:`pixel_cross_entropy`. Defaults to
            False.

    Returns:
        Tensor: Scalar, float32. The gradient flows to ``scores`` alone. 0
        with a graph when no pixel is kept.

    Raises:
        ValueError: If ``normalise`` is unknown.
    """
    if normalise not in NORMALISATIONS:
        raise ValueError(f'normalise must be one of {NORMALISATIONS}, got '
                         f'{normalise!r}. Change it in the term of '
                         'model.terms that learns from pseudo labels.')
    losses = pixel_cross_entropy(scores, labels, use_sigmoid)
    kept = valid & (confidence >= threshold)
    if normalise == 'share':
        return (share_over_processes(kept, valid) *
                masked_mean_over_processes(losses, valid))
    counted = valid if normalise == 'valid' else kept
    return (losses * kept).sum() / mean_over_processes(counted.sum())
