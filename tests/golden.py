"""Values recorded from the published code of other methods.

``tests/data/golden/README.md`` says what the files hold. Other recordings of
the same form are tested with ``MMSEG_DCC_GOLDEN=their_folder``.
"""
import os
from pathlib import Path

import numpy as np
import torch

DATA = Path(__file__).parent / 'data/golden'


def golden_files(method):
    """Paths of all ``<method>_*.npz``, for ``pytest.mark.parametrize``.

    If another folder has no file of the method, the files of this project.
    """
    other = Path(os.environ.get('MMSEG_DCC_GOLDEN') or DATA)
    if not other.is_dir():
        raise FileNotFoundError(
            f'MMSEG_DCC_GOLDEN={other} is no folder. Leave it unset for the '
            f'recordings in {DATA}.')
    pattern = f'{method}_*.npz'
    files = sorted(other.glob(pattern)) or sorted(DATA.glob(pattern))
    assert files, f'{DATA} has no {pattern}.'
    return files


def load(path):
    """Arrays of a file: floats as float32, integers as int64, text as str."""
    arrays = {}
    with np.load(path) as file:
        for name, array in file.items():
            if array.dtype.kind == 'U':
                arrays[name] = array
            elif array.dtype.kind == 'f':
                arrays[name] = torch.from_numpy(array.astype(np.float32))
            elif array.dtype.kind == 'b':
                arrays[name] = torch.from_numpy(array)
            else:
                arrays[name] = torch.from_numpy(array.astype(np.int64))
    return arrays


def assert_values(actual, expected, tolerance=1e-5):
    """Asserts equality up to a share of the largest expected value."""
    assert actual.dtype == torch.float32
    torch.testing.assert_close(
        actual.detach(), expected, rtol=0,
        atol=tolerance * expected.abs().max().item())


def assert_gradient(actual, expected):
    """Asserts equality up to 1e-4 of the largest expected entry."""
    assert_values(actual, expected, 1e-4)
