"""Distribution alignment: pseudo labels as frequent as the labels."""
import torch
from torch import Tensor, nn

from .losses.reductions import sum_over_processes

LIMIT = 10.
"""Most that a probability is multiplied or divided by, before the power."""
_RARE = 1e-4  # share of a class that is hardly there


def aligned(probabilities: Tensor, wanted: Tensor, predicted: Tensor,
            power: float) -> Tensor:
    """Probabilities in favor of the classes that are predicted too rarely.

    Each class is multiplied by (wanted / predicted share) ** power, and the
    probabilities of a pixel are divided by their sum.

    Args:
        probabilities (Tensor): Of the classes, shape (N, C, H, W).
        wanted (Tensor): Share of the pixels of each class, shape (C, ).
        predicted (Tensor): The same of the predictions, shape (C, ).
        power (float): 0: nothing is changed; 1: distribution alignment.

    Returns:
        Tensor: Shape (N, C, H, W).
    """
    factors = (wanted + _RARE) / (predicted + _RARE)
    factors = factors.clamp(1 / LIMIT, LIMIT)**power
    changed = probabilities * factors[:, None, None]
    return changed / changed.sum(1, keepdim=True)


class ClassAlignment(nn.Module):
    """Distribution alignment of pseudo labels (ReMixMatch, ICLR 2020).

    A network that learns its own pseudo labels finds rare classes ever less
    often. The alignment compares the share of each class in the labels with
    its share in the predictions and raises the probability of those that
    are predicted too rarely.

    Differs from ReMixMatch (Berthelot et al.): shares of pixels, which are
    uneven in every batch, so both are moving averages; a power below 1 does
    not force the shares upon the predictions.

    Args:
        num_classes (int): Number of classes.
        power (float): See :func:`aligned`, in [0, 1]. Defaults to 0.5.
        momentum (float): Share of the newest batch in the averages, in
            (0, 1]; the first batches have equal shares. Defaults to 0.01.

    Raises:
        ValueError: If an argument is out of its range.
    """

    def __init__(self,
                 num_classes: int,
                 power: float = 0.5,
                 momentum: float = 0.01) -> None:
        super().__init__()
        if not 0 <= power <= 1:
            raise ValueError(
                f'alignment of a term: expected power in [0, 1], got {power}.')
        if not 0 < momentum <= 1:
            raise ValueError('alignment of a term: expected momentum in '
                             f'(0, 1], got {momentum}.')
        self.power = power
        self.momentum = momentum
        self.register_buffer('steps', torch.zeros((), dtype=torch.long))
        self.register_buffer('labeled', torch.zeros(num_classes))
        self.register_buffer('predicted', torch.zeros(num_classes))

    @torch.no_grad()
    def forward(self, probabilities: Tensor, valid: Tensor,
                masks: Tensor) -> Tensor:
        """Counts a batch, of all processes, and aligns its probabilities.

        Args:
            probabilities (Tensor): Of the unlabeled images, shape
                (U, C, H, W).
            valid (Tensor): False in their padding, bool, shape (U, H, W).
            masks (Tensor): Labels of the labeled images, int64, shape
                (B, H, W). Ids that are no class are not counted.

        Returns:
            Tensor: float32, shape (U, C, H, W).
        """
        probabilities = probabilities.float()
        classes = len(self.labeled)
        known = masks[(masks >= 0) & (masks < classes)]
        counts = sum_over_processes(
            torch.stack([
                known.bincount(minlength=classes).float(),
                (probabilities * valid[:, None]).sum((0, 2, 3))
            ]))
        shares = counts / counts.sum(1, keepdim=True).clamp(min=1)
        self.steps += 1
        newest = (1 / self.steps).clamp(min=self.momentum)
        self.labeled.lerp_(shares[0], newest)
        self.predicted.lerp_(shares[1], newest)
        return aligned(probabilities, self.labeled, self.predicted, self.power)
