"""Quiet start of ``python -m mmseg_dcc``.

Python imports a package before its ``__main__``: with everything that warns
meanwhile, which the tools keep off the console (``tools/quiet_start.py``). A
program that imports the package is left as it is.
"""
import sys
from pathlib import Path

TOOLS = Path(__file__).with_name('.mim') / 'tools'


def is_command() -> bool:
    """Whether Python is about to run this package.

    ``sys.orig_argv`` is new in Python 3.10; before, the start is not quiet.
    """
    # the name of the program while Python looks for the module to run
    return sys.argv[:1] == ['-m'] and 'mmseg_dcc' in getattr(
        sys, 'orig_argv', ())


if is_command():
    # at the end: `test.py` and others have names that Python has, too
    sys.path.append(str(TOOLS))
    import quiet_start  # noqa: F401
