"""The configs of the project, each parsed once for all tests."""
import copy
import functools

from mmengine.config import Config

from .conftest import ROOT

CONFIGS = ROOT / 'configs'


@functools.lru_cache(maxsize=None)
def _parsed(name):
    return Config.fromfile(str(CONFIGS / name))


def load_config(name):
    """A config below ``configs/``, for the caller to change."""
    return copy.deepcopy(_parsed(str(name)))
