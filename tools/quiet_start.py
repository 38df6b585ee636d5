"""Keeps what other packages warn of in every run off the console.

Each tool imports this first, since most of it comes while mmengine, mmcv and
mmseg are imported. It is kept for the log file (``QuietRunner``); all other
warnings are shown as ever. ``--verbose``, or ``MMSEG_DCC_VERBOSE=1`` in the
environment, shows everything. A library must not do this to its users: it is
no part of ``mmseg_dcc``, whose import changes no filter.
"""
import logging
import os
import re
import sys
from logging.handlers import MemoryHandler

# The beginnings of messages that nobody who starts a tool can do more about
# than install what the tool does not need.
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
    # of whole images in a validation, whatever their size
    r'When align_corners=\w+, the output would more aligned',
)))
# Of developers to developers.
_CATEGORIES = re.compile(r': \w*(Deprecation|Future|Import)Warning: ')


def is_known(text: str) -> bool:
    """Whether a warning can be left to the log file.

    Args:
        text (str): As Python prints it: ``FILE:LINE: CATEGORY: MESSAGE``.
    """
    head = text.split('\n')[0]
    return bool(_CATEGORIES.search(head) or re.search(
        f': \\w*Warning: ({KNOWN.pattern})', head))


def _whole(record: logging.LogRecord) -> bool:
    """Gives a record of any version of Python its text as the message."""
    record.msg, record.args = record.getMessage().rstrip(), None
    return True


def start_quietly() -> None:
    """Puts Python's warnings through the logger ``py.warnings``."""
    logger = logging.getLogger('py.warnings')
    console = logging.StreamHandler()
    console.addFilter(lambda record: not is_known(record.msg))
    # emptied into the log file once there is one
    held = MemoryHandler(1000, flushLevel=100, flushOnClose=False)
    logger.addFilter(_whole)
    logger.handlers = [console, held]
    logger.propagate = False
    logging.captureWarnings(True)


if '--verbose' in sys.argv[1:]:
    os.environ['MMSEG_DCC_VERBOSE'] = '1'  # for what the tool starts, too
if os.environ.get('MMSEG_DCC_VERBOSE', '0') in ('', '0'):
    start_quietly()
