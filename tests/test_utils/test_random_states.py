"""Tests of ``mmseg_dcc/utils/random_states.py``."""
import random
from contextlib import suppress

import numpy as np
import pytest
import torch

from mmseg_dcc.utils.random_states import preserved_random_states


def draws():
    return random.random(), np.random.rand(), torch.rand(1).item()


@pytest.mark.parametrize('fails', [False, True])
def test_draws_go_on_as_without(fails):
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    expected = draws(), draws()
    random.seed(3), np.random.seed(3), torch.manual_seed(3)
    first = draws()
    with suppress(KeyError), preserved_random_states():
        draws()
        random.seed(0), np.random.seed(0), torch.manual_seed(0)
        if fails:
            raise KeyError
    assert (first, draws()) == expected
