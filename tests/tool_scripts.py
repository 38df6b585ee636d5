"""Command lines of ``tools``, run in the process of a test."""
import runpy
from types import SimpleNamespace

from .conftest import ROOT


def load_tool(name):
    """Functions of a script below ``tools/``, as attributes."""
    return SimpleNamespace(**runpy.run_path(str(ROOT / 'tools' / name)))
