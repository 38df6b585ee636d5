"""Distance of class probabilities at each pixel."""
import torch
from torch import Tensor

DISTANCES = ('mse', 'kl', 'js')


def pixel_distance(scores: Tensor, target: Tensor,
                   kind: str = 'mse') -> Tensor:
    """Distance of predicted probabilities to target probabilities.

    With q the softmax of the scores, t the target and a mean over classes:

    * ``'mse'``: (q - t)^2.
    * ``'kl'``: t (log t - log q).
    * ``'js'``: m (log m - (log q + log(t + 1e-5)) / 2), m = (q + t) / 2. The
      code of CCT calls this Jensen-Shannon, but it is the mean of KL(m, q)
      and KL(m, t) instead of KL(q, m) and KL(t, m).

    Args:
        scores (Tensor): Logits, shape (N, C, H, W).
        target (Tensor): Probabilities that sum to 1 over C, same shape. Pass
            it detached.
        kind (str): ``'mse'``, ``'kl'`` or ``'js'``. Defaults to ``'mse'``,
            CCT.

    Returns:
        Tensor: float32, also inside autocast, shape (N, H, W).

    Raises:
        ValueError: If ``kind`` is unknown.
    """
    if kind not in DISTANCES:
        raise ValueError(f'distance must be one of {DISTANCES}, got '
                         f'{kind!r}. Change distance of the term in '
                         'model.terms.')
    scores, target = scores.float(), target.float()
    if kind == 'mse':
        return (scores.softmax(1) - target).square().mean(1)
    log_softmax = scores.log_softmax(1)
    if kind == 'kl':
        return (torch.xlogy(target, target) - target * log_softmax).mean(1)
    middle = (log_softmax.exp() + target) / 2
    others = (log_softmax + (target + 1e-5).log()) / 2
    return (torch.xlogy(middle, middle) - middle * others).mean(1)
