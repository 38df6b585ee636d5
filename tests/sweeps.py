"""Sweeps: parametrized tests that are slow, but for a few of their cases."""
import pytest


def sweep(values, *quick):
    """Parameters of a test, marked ``slow`` but for the quick ones."""
    values = list(values)
    missing = set(quick) - set(values)
    if missing:
        raise ValueError(f'{sorted(missing)} are no cases of this sweep.')
    return [
        value if value in quick else pytest.param(
            value, marks=pytest.mark.slow) for value in values
    ]
