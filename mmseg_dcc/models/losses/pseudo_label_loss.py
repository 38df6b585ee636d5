"""Cross entropy with confident pseudo labels, in three normalisations."""
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
    """Cross entropy with confident pseudo labels.

    A pixel is *kept* if it is valid and its confidence is at least the
    threshold. The normalisations over the batch are

    * ``'valid'``: sum over the kept pixels divided by the number of valid
      pixels. The fewer pixels are kept, the smaller the loss (FixMatch and
      UniMatch).
    * ``'kept'``: mean over the kept pixels (AdvSemiSeg).
    * ``'share'``: mean over *all* valid pixels times the share of them that
      is kept (ClassMix).

    The batch is that of all processes, so that the gradient is that of one
    process on the joined batch; the published codes normalise in each
    process.

    Args:
        scores (Tensor): Logits at the size of the image, shape (N, C, H, W).
        labels (Tensor): Pseudo labels, int64, shape (N, H, W), in [0, C).
        confidence (Tensor): Confidence of the labels, in [0, 1], shape
            (N, H, W).
        valid (Tensor): bool, shape (N, H, W). False in padding.
        threshold (float): Minimum confidence of a kept pixel. Above 1 no
            pixel is kept, at 0 every valid pixel is.
        normalise (str): ``'valid'``, ``'kept'`` or ``'share'``. Defaults to
            ``'valid'``.
        use_sigmoid (bool): See :func:`pixel_cross_entropy`. Defaults to
            False.

    Returns:
        Tensor: Scalar, float32. The gradient flows to ``scores`` alone. 0
        with a graph if no pixel is kept.

    Raises:
        ValueError: If ``normalise`` is unknown.
    """
    if normalise not in NORMALISATIONS:
        raise ValueError(f'normalise must be one of {NORMALISATIONS}, got '
                         f'{normalise!r}. Change normalise of the '
                         'pseudo-label term in model.terms.')
    losses = pixel_cross_entropy(scores, labels, use_sigmoid)
    kept = valid & (confidence >= threshold)
    if normalise == 'share':
        return (share_over_processes(kept, valid) *
                masked_mean_over_processes(losses, valid))
    counted = valid if normalise == 'valid' else kept
    return (losses * kept).sum() / mean_over_processes(counted.sum())
