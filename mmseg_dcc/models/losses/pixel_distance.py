"""Distance of class probabilities at each pixel."""
import torch
from torch import Tensor

DISTANCES = ('mse', 'kl', 'js')


def pixel_distance(scores: Tensor, target: Tensor,
                   kind: str = 'mse') -> Tensor:
    """Distance of a prediction from the class probabilities of another.

    With q the softmax of the scores, t the target and a mean over classes:

    * ``'mse'``: (q - t)^2.
    * ``'kl'``: t (log t - log q).
    * ``'js'``: m (log m - (log q + log(t + 1e-5)) / 2), m = (q + t) / 2: what
      the code of CCT calls Jensen-Shannon. It measures both from their
      mean, where that of the books measures the mean from both.

    Args:
        scores (Tensor): Logits, shape (N, C, H, W).
        target (Tensor): Probabilities, which sum to 1 over C, of the same
            shape. Detach it.
        kind (str): ``'mse'``, ``'kl'`` or ``'js'``. Defaults to ``'mse'``,
            CCT.

    Returns:
        Tensor: float32, also inside autocast, shape (N, H, W).

    Raises:
        ValueError: If ``kind`` is unknown.
    """
    if kind not in DISTANCES:
        raise ValueError(f'The distance of predictions must be one of '
                         f'{DISTANCES}, got {kind!r}. Change distance of the '
                         'term in model.terms.')
    scores, target = scores.float(), target.float()
    if kind == 'mse':
        return (scores.softmax(1) - target).square().mean(1)
    log_said = scores.log_softmax(1)
    if kind == 'kl':
        return (torch.xlogy(target, target) - target * log_said).mean(1)
    middle = (log_said.exp() + target) / 2
    others = (log_said + (target + 1e-5).log()) / 2
    return (torch.xlogy(middle, middle) - middle * others).mean(1)
