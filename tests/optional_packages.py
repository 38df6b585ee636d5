"""Marks of tests that need packages which the project does not require."""
import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from .backbones import has_mmpretrain


def has_grad_cam() -> bool:
    """Whether the package is installed, or in the folder MMPRETRAIN_SITE."""
    site = Path(os.environ.get('MMPRETRAIN_SITE', ''))
    return (site / 'pytorch_grad_cam').is_dir() or bool(
        find_spec('pytorch_grad_cam'))


needs_mmpretrain = pytest.mark.skipif(
    not has_mmpretrain(), reason='MMPRETRAIN_SITE: a folder with mmpretrain')
needs_grad_cam = pytest.mark.skipif(
    not (has_mmpretrain() and has_grad_cam()),
    reason='MMPRETRAIN_SITE: a folder with mmpretrain and grad-cam')
