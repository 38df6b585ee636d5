"""Schedule of the weight of a term."""
import math

_SHAPES = {
    'constant': lambda share: 1.,
    'linear': lambda share: share,
    'sigmoid': lambda share: math.exp(-5 * (1 - share)**2),
    'cosine': lambda share: (1 - math.cos(math.pi * share)) / 2,
}


class Ramp:
    """Ramp-up schedule of the weight of a term.

    Args:
        peak (float): Final weight, >= 0.
        iters (int): Iterations from the start of the term to the peak.
        shape (str): 'sigmoid', exp(-5 (1 - t)^2) with t from 0 to 1 (Laine
            and Aila, 2017), 'linear', 'cosine' or 'constant'. Defaults to
            'sigmoid', as in CCT, GCT and mean teacher.

    Raises:
        ValueError: If an argument is out of range.

    Examples:
        >>> terms = dict(
        ...     cct=dict(type='CrossConsistency',
        ...              weight=dict(peak=30., iters=8 * 1157)))
    """

    def __init__(self,
                 peak: float,
                 iters: int,
                 shape: str = 'sigmoid') -> None:
        if peak < 0 or iters < 0:
            raise ValueError(
                'weight of a term: expected peak and iters of at least 0, got '
                f'peak={peak}, iters={iters}.')
        if shape not in _SHAPES:
            raise ValueError(f'weight of a term: shape={shape!r} is unknown; '
                             f'choose one of {[*_SHAPES]}.')
        self.peak = peak
        self.iters = iters
        self.shape = shape

    def __call__(self, iteration: int) -> float:
        """Weight at an iteration.

        Args:
            iteration (int): Iteration since the start of the term.
        """
        share = min(max(iteration, 0) / self.iters, 1.) if self.iters else 1.
        return self.peak * _SHAPES[self.shape](share)

    @classmethod
    def of(cls, weight) -> 'Ramp':
        """Schedule from a number, which is constant, or from arguments.

        Args:
            weight (float | dict): ``weight`` of a term.
        """
        if isinstance(weight, dict):
            return cls(**weight)
        return cls(weight, 0, 'constant')
