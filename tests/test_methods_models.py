"""Tests of each method with each network, and of docs/methods_models.md.

When the page is out of date, ``python -m tests.methods_models`` writes it
anew.
"""
import pytest

from .backbones import has_mmpretrain
from .methods_models import (
    METHODS,
    NETWORKS,
    PAGE,
    REFUSED,
    check,
    render,
    train,
)

NAMES = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            bool(network.needs) and not has_mmpretrain(),
            reason='MMPRETRAIN_SITE: a folder with mmpretrain'))
    for name, network in NETWORKS.items()
]


@pytest.mark.slow
@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('method', METHODS)
def test_method_trains_the_network(method, name, in_data_dir, tmp_path):
    if (method, name) not in REFUSED:
        check(method, name, tmp_path)
        return
    with pytest.raises((TypeError, ValueError)) as error:
        train(method, name, tmp_path)
    assert str(error.value).startswith(REFUSED[method, name])


def test_page_is_up_to_date():
    assert PAGE.read_text() == render()


def test_nothing_else_is_refused():
    assert {method for method, _ in REFUSED} <= set(METHODS)
    assert {name for _, name in REFUSED} <= set(NETWORKS)
