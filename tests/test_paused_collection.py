"""Tests of ``mmseg_dcc/paused_collection.py``."""
import gc

import pytest

from mmseg_dcc.paused_collection import paused_collection


@pytest.fixture(params=[True, False])
def was_on(request):
    """Whether the collector is on before, and on again after the test."""
    if not request.param:
        gc.disable()
    yield request.param
    gc.enable()


def test_collector_is_as_before(was_on):
    with paused_collection():
        assert not gc.isenabled()
    assert gc.isenabled() == was_on


def test_collector_is_as_before_after_a_failed_import(was_on):
    with pytest.raises(ImportError), paused_collection():
        import no_such_module  # noqa: F401
    assert gc.isenabled() == was_on
