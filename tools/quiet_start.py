"""Keeps known warnings of other packages off the console.

Each tool imports this module first, since most of these warnings are issued
while mmengine, mmcv and mmseg are imported. They are held for the log file
(``QuietRunner``); all other warnings are shown as usual. ``--verbose``, or
``MMSEG_DCC_VERBOSE=1`` in the environment, shows everything. This module is
not part of ``mmseg_dcc``: a library must not change the warning filters of its
users.
"""
import logging
import os
import re
import sys
from logging.handlers import MemoryHandler

# Beginnings of messages about which users of a tool can do nothing, except for
# installing packages that it does not need.
KNOWN = re.compile('|'.join((
    'pkg_resources is deprecated as an API',
    'Fail to import ``MultiScaleDeformableAttention``',
    '``build_(backbone|neck|head|loss)`` would be deprecated',
    'Default ``avg_non_ignore`` is False',
    'DeprecationWarning: pretrained is (a )?deprecated',
    '`reduce_zero_label` will be deprecated',
    'Setting (OMP|MKL)_NUM_THREADS environment variable',
    'Unnecessary conv bias before batch/instance norm',
    'The draw is False',  # the default of mmseg's visualization hook
    # issued for whole images in a validation, whatever their size
    r'When align_corners=\w+, the output would more aligned',
)))
# warnings of developers to developers
_CATEGORIES = re.compile(r': \w*(Deprecation|Future|Import)Warning: ')


def is_known(text: str) -> bool:
    """Whether a warning is only kept for the log file.

    Args:
        text (str): Text as Python prints it: ``FILE:LINE: CATEGORY: MESSAGE``.
    """
    head = text.split('\n')[0]
    return bool(_CATEGORIES.search(head) or re.search(
        f': \\w*Warning: ({KNOWN.pattern})', head))


def _whole(record: logging.LogRecord) -> bool:
    """Replaces the message of a record by its formatted text."""
    record.msg, record.args = record.getMessage().rstrip(), None
    return True


def start_quietly() -> None:
    """Routes Python's warnings through the logger ``py.warnings``."""
    logger = logging.getLogger('py.warnings')
    console = logging.StreamHandler()
    console.addFilter(lambda record: not is_known(record.msg))
    # flushed into the log file as soon as there is one
    held = MemoryHandler(1000, flushLevel=100, flushOnClose=False)
    logger.addFilter(_whole)
    logger.handlers = [console, held]
    logger.propagate = False
    logging.captureWarnings(True)


if '--verbose' in sys.argv[1:]:
    os.environ['MMSEG_DCC_VERBOSE'] = '1'  # for child processes, too
if os.environ.get('MMSEG_DCC_VERBOSE', '0') in ('', '0'):
    start_quietly()
