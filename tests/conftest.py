import warnings

import pytest
from mmengine.registry import init_default_scope

import mmseg_dcc  # noqa: F401


@pytest.fixture(autouse=True)
def mmseg_scope():
    """What ``default_scope='mmseg'`` of every config does."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        init_default_scope('mmseg')
