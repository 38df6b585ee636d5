"""States of the random number generators that augmentation uses."""
import random
from contextlib import contextmanager
from typing import Iterator

import numpy as np
import torch


def random_states() -> tuple:
    """States of the random generators of Python, NumPy and torch (CPU)."""
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def set_random_states(states: tuple) -> None:
    """Restores the result of :func:`random_states`."""
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])


@contextmanager
def preserved_random_states() -> Iterator[None]:
    """Context that restores the random states of Python, NumPy and torch."""
    states = random_states()
    try:
        yield
    finally:
        set_random_states(states)
