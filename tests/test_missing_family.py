"""Tests of ``mmseg_dcc/missing_family.py``."""
import pytest

from mmseg_dcc.missing_family import explained_missing_family


@pytest.mark.parametrize('name, named', [
    ('mmcv', 'mmcv is not installed.*lite'), ('torch', '^No module')])
def test_extras_are_named(name, named):
    with pytest.raises(ModuleNotFoundError, match=named) as error:
        with explained_missing_family():
            raise ModuleNotFoundError(f'No module named {name!r}', name=name)
    assert error.value.name == name
