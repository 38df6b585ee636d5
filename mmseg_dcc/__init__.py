"""Directional Context-aware Consistency for MMSegmentation 1.x."""
from . import command_start  # noqa: F401  isort: skip (before all that warns)
from .missing_family import explained_missing_family
from .paused_collection import paused_collection

with explained_missing_family(), paused_collection():
    from . import compat  # noqa: F401, I001  isort: skip (before any mmseg import)
    from . import datasets, engine, evaluation, models, registry  # noqa: F401
    from .utils import package_weights  # noqa: F401
from .version import __version__

__all__ = ['__version__']
