"""Fixes that MMSegmentation 1.x needs with mmcv-lite and torch >= 2.6.

The fixes are narrow and do nothing where they are not needed:

* :func:`install_mmcv_ops_placeholder`: mmseg imports ``mmcv.ops`` when it is
  imported itself, although most of its models never call a compiled
  operator. With mmcv-lite that import fails.
* :func:`allow_mmengine_checkpoints`: torch >= 2.6 loads checkpoints with
  ``weights_only=True`` and rejects the history buffers that mmengine puts
  into every training checkpoint.
* :func:`explain_refused_checkpoints`: torch then advises to load such a file
  without the protection.
* :func:`keep_protection_of_fork`: the fork's mmengine loads a file that torch
  refuses once more, without the protection.
* :func:`find_configs_of_fork`: mmengine looks for the base of a config
  ``mmseg::...`` only in a package named ``mmsegmentation``.
"""
import functools
import importlib.util
import pickle
import re
import sys
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import torch
from mmengine.config.utils import MODULE2PACKAGE
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader, checkpoint
from mmengine.runner.checkpoint import load_from_local
from mmengine.utils import is_installed
from mmengine.utils.dl_utils import mmcv_full_available

_FORK_OF_MMSEG = 'onedl-mmsegmentation'
# classes and functions that a file wants to call, in torch's messages
_GLOBAL = re.compile(r'(?:GLOBAL|unsupported class) ([\w.]+)')
# statistics that ``HistoryBuffer`` pickles as bound methods of its class
_HISTORY_BUFFER_STATISTICS = ('current', 'max', 'mean', 'min')


class _MissingOperator:
    """Stand-in for a compiled mmcv operator that raises when called."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *args, **kwargs):
        raise ImportError(
            f'mmcv.ops.{self.__name__} needs the compiled operators of mmcv, '
            'but mmcv-lite is installed. Replace it by the full package: '
            'pip uninstall mmcv-lite, then install mmcv>=2.0.0rc4,<2.2.0 for '
            'your torch and CUDA, or choose a model without this operator.')


class _MmcvOpsPlaceholder(ModuleType):
    """Module whose every public attribute is a :class:`_MissingOperator`."""

    # An empty path makes Python treat it as a package, so that submodules
    # such as ``mmcv.ops.nms`` fail with an ordinary ImportError.
    __path__: list = []

    def __getattr__(self, name: str) -> _MissingOperator:
        if name.startswith('_'):
            raise AttributeError(name)
        return _MissingOperator(name)


def install_mmcv_ops_placeholder() -> None:
    """Makes ``import mmseg.models`` work with mmcv-lite.

    Only ``mmcv.ops`` is replaced. ``mmcv._ext`` stays missing, so that
    ``mmengine.utils.dl_utils.mmcv_full_available`` still returns False and
    SyncBN is still replaced by BN on one device.
    """
    if 'mmcv.ops' in sys.modules or mmcv_full_available():
        return
    import mmcv
    placeholder = _MmcvOpsPlaceholder('mmcv.ops')
    placeholder.__spec__ = importlib.util.spec_from_loader(
        'mmcv.ops', loader=None, is_package=True)
    sys.modules['mmcv.ops'] = placeholder
    mmcv.ops = placeholder


def _history_buffer_getattr(owner, name: str):
    """``getattr`` that serves the statistics of ``HistoryBuffer`` only."""
    if owner is HistoryBuffer and name in _HISTORY_BUFFER_STATISTICS:
        return getattr(HistoryBuffer, name)
    raise AttributeError(
        f'A checkpoint asked for attribute {name!r} of {owner!r}. Only the '
        f"statistics {_HISTORY_BUFFER_STATISTICS} of mmengine's "
        'HistoryBuffer are allowed; the file was not written by mmengine or '
        'was tampered with.')


def can_allow_classes() -> bool:
    """Whether torch can allow-list classes for ``weights_only`` loading.

    Since 2.6 torch also accepts the name under which a function is pickled,
    which the replacement of ``getattr`` needs.
    """
    return hasattr(torch.serialization, 'get_unsafe_globals_in_checkpoint')


def allow_mmengine_checkpoints() -> None:
    """Allow-lists exactly the classes that mmengine writes to checkpoints.

    ``weights_only`` stays on: torch still rejects a checkpoint that holds
    anything else. Plain ``getattr``, which could be used to run code, is
    replaced by a function that serves four names of one class.
    """
    if not can_allow_classes():
        return  # torch < 2.6 does not restrict what a checkpoint may hold
    reconstruct = np.ndarray.__reduce__(np.empty(0))[0]
    scalar = np.float64(0).__reduce__()[0]
    # The same two functions are pickled as ``numpy.core.multiarray.*`` by
    # numpy 1 and as ``numpy._core.multiarray.*`` by numpy 2.
    numpy_functions = [(function, f'{module}.{function.__name__}')
                       for function in (reconstruct, scalar)
                       for module in ('numpy.core.multiarray',
                                      'numpy._core.multiarray')]
    numpy_dtypes = [
        type(np.dtype(code)) for code in ('f2', 'f4', 'f8', 'i1', 'i2', 'i4',
                                          'i8', 'u1', 'u2', 'u4', 'u8', '?')
    ]
    torch.serialization.add_safe_globals([
        HistoryBuffer, np.ndarray, np.dtype, *numpy_dtypes, *numpy_functions,
        (_history_buffer_getattr, 'builtins.getattr')
    ])


class RefusedCheckpoint(pickle.UnpicklingError):
    """File that is not a checkpoint, or holds more than tensors."""


@contextmanager
def explained_refusal(path):
    """Context that explains why torch rejects a checkpoint.

    The error of torch names a way to load the file anyway, which would run
    the code in it.

    Args:
        path (str): The file, for the message.

    Raises:
        RefusedCheckpoint: Replaces the error of torch.
    """
    try:
        yield
    except (pickle.UnpicklingError, EOFError, KeyError,
            RuntimeError) as error:
        if isinstance(error, RuntimeError) and 'zip' not in str(error):
            raise
        names = dict.fromkeys(_GLOBAL.findall(str(error)))
        if names:
            message = (
                f'{path} was not loaded: besides tensors it holds code or '
                f'objects ({", ".join(names)}), which would run on loading. '
                'None of it was run. Get the checkpoint from an author you '
                'trust. If it is your own, save its tensors only: '
                'torch.save(dict(state_dict=model.state_dict()), PATH).')
        elif 'tampered' in str(error):
            message = f'{path} was not loaded, none of it was run: {error}'
        else:
            message = (
                f'{path} is not a torch checkpoint, or it is damaged: it '
                'cannot be read. Choose another file, or copy it again.')
        # without torch's own message, which would be printed above this one
        raise RefusedCheckpoint(message) from None


def explain_refused_checkpoints() -> None:
    """Makes mmengine explain why a local checkpoint is rejected."""
    CheckpointLoader.register_scheme('', _load_local, force=True)


# mmengine logs the name of the loader
@functools.wraps(load_from_local)
def _load_local(filename: str, map_location=None):
    with explained_refusal(filename):
        return load_from_local(filename, map_location)


def keep_protection_of_fork() -> None:
    """Makes the fork's mmengine load checkpoints as mmengine 0.10.7 does.

    It falls back to ``weights_only=False``, which runs what the file holds.
    The training checkpoints for which it does so load without, see
    :func:`allow_mmengine_checkpoints`.
    """
    if can_allow_classes() and hasattr(checkpoint, '_safe_torch_load'):
        checkpoint._safe_torch_load = torch.load


def find_configs_of_fork() -> None:
    """Makes bases ``mmseg::...`` work with the maintained fork of mmseg."""
    if not is_installed('mmsegmentation') and is_installed(_FORK_OF_MMSEG):
        MODULE2PACKAGE['mmseg'] = _FORK_OF_MMSEG


install_mmcv_ops_placeholder()
allow_mmengine_checkpoints()
explain_refused_checkpoints()
keep_protection_of_fork()
find_configs_of_fork()
