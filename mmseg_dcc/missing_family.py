"""What to say where no packages of OpenMMLab are installed."""
from contextlib import contextmanager

_FAMILY = ('mmengine', 'mmcv', 'mmseg')


@contextmanager
def explained_missing_family():
    """Names the extras of this package if an import misses their packages.

    Raises:
        ModuleNotFoundError: In place of Python's own, of the same module.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name not in _FAMILY:
            raise
        raise ModuleNotFoundError(
            f'{error.name} is not installed. mmseg_dcc needs mmengine, mmcv '
            'and mmsegmentation, which its extras bring: lite (with '
            'mmcv-lite), full (with compiled operators) or onedl (the '
            'maintained fork). In a clone: pip install ".[lite]".',
            name=error.name) from error
