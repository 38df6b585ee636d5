"""Squared consistency loss of mean teacher and CutMix-Seg."""
from typing import Optional

from torch import Tensor

from .reductions import mean_over_processes, share_over_processes

WEIGHTINGS = ('batch', 'pixel', None)


def squared_consistency_loss(probabilities: Tensor,
                             targets: Tensor,
                             confidence: Tensor,
                             valid: Tensor,
                             threshold: float = 0.97,
                             weighting: Optional[str] = 'batch') -> Tensor:
    r"""Squared difference of probabilities, weighted by confidence.

    .. math::
        \mathcal{L} = \frac{1}{|V|} \sum_{i \in V} w_i
        \sum_c (p_{ic} - q_{ic})^2

    over the valid pixels V, summed over classes (Tarvainen and Valpola,
    NeurIPS 2017, take the mean over the C classes, 1 / C of this). A pixel
    is *confident* if its confidence is at least the threshold. The weight w
    of a pixel is

    * ``'batch'``: the share of the valid pixels that is confident, the same
      for all (CutMix-Seg, French et al., BMVC 2020);
    * ``'pixel'``: 1 if it is confident, else 0 (the option
      ``conf_per_pixel`` of CutMix-Seg);
    * None: 1 (mean teacher).

    The batch is that of all processes, so that the gradient is that of one
    process on the joined batch.

    Args:
        probabilities (Tensor): p, predicted by the trained network, in
            [0, 1], shape (N, C, H, W).
        targets (Tensor): q, predicted by the teacher, same shape.
        confidence (Tensor): Confidence of the targets, in [0, 1], shape
            (N, H, W).
        valid (Tensor): bool, shape (N, H, W). False in padding.
        threshold (float): Minimum confidence of a confident pixel. Defaults
            to 0.97, CutMix-Seg.
        weighting (str, optional): ``'batch'``, ``'pixel'`` or None. Defaults
            to ``'batch'``, CutMix-Seg.

    Returns:
        Tensor: Scalar, float32. The gradient flows to
        ``probabilities`` alone.

    Raises:
        ValueError: If ``weighting`` is unknown.
    """
    if weighting not in WEIGHTINGS:
        raise ValueError(f'weighting must be one of {WEIGHTINGS}, got '
                         f'{weighting!r}. Change confidence of '
                         'SquaredConsistency in model.terms.')
    squares = (probabilities.float() - targets.detach().float()).square()
    confident = valid & (confidence >= threshold)
    counted = confident if weighting == 'pixel' else valid
    mean = (squares.sum(1) * counted).sum() / mean_over_processes(valid.sum())
    if weighting == 'batch':
        mean = mean * share_over_processes(confident, valid)
    return mean
