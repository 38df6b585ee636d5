"""States of the generators that augmentation draws from."""
import random
from contextlib import contextmanager
from typing import Iterator

import numpy as np
import torch


def random_states() -> tuple:
    """States of the generators of Python, NumPy and torch (CPU)."""
    return random.getstate(), np.random.get_state(), torch.get_rng_state()


def set_random_states(states: tuple) -> None:
    """Puts back what :func:`random_states` returned."""
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])


@contextmanager
def random_states_kept() -> Iterator[None]:
    """Context after which everything draws what it would without."""
    states = random_states()
    try:
        yield
    finally:
        set_random_states(states)
