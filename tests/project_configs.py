"""Configs of the project, each parsed once for all tests."""
import copy
import functools

from mmengine.config import Config

from .conftest import ROOT

CONFIGS = ROOT / 'configs'


@functools.lru_cache(maxsize=None)
def _parsed(name):
    # mmpretrain, which some import, is imported by the tests that need it
    return Config.fromfile(str(CONFIGS / name), import_custom_modules=False)


def load_config(name):
    """Config below ``configs/``, which the caller may change."""
    return copy.deepcopy(_parsed(str(name)))
