"""Lists and names that are not in UTF-8."""
import codecs
import os
from typing import List, Optional

from mmengine import fileio

_MARKS = (
    (codecs.BOM_UTF8, 'utf-8-sig'),
    (codecs.BOM_UTF16_LE, 'utf-16'),
    (codecs.BOM_UTF16_BE, 'utf-16'),
)


def read_lines(path: str, backend_args: Optional[dict] = None) -> List[str]:
    """Lines of a list of files that are not blank, without space around.

    A byte-order mark, as Windows editors write it, tells the encoding and is
    no part of the first line. Bytes that are no UTF-8 are kept as the file
    system keeps them, so that a list of files with names in an old encoding
    names these files.

    Args:
        path (str): The list.
        backend_args (dict, optional): See ``mmengine.fileio``. Defaults to
            None.
    """
    content = fileio.get(path, backend_args=backend_args)
    encoding = next((name for mark, name in _MARKS
                     if content.startswith(mark)), 'utf-8')
    text = content.decode(encoding, 'surrogateescape')
    lines = (line.strip() for line in text.replace('\r', '\n').split('\n'))
    return [line for line in lines if line]


def in_old_encoding(name: str) -> Optional[str]:
    """A name that is no UTF-8, read as Windows wrote it, or None.

    Args:
        name (str): As :func:`read_lines` or the file system gives it.
    """
    content = os.fsencode(name)
    try:
        content.decode('utf-8')
    except UnicodeDecodeError:
        return content.decode('cp1252', 'replace')
    return None


def printable(name: str) -> str:
    """A name that can be written, whatever bytes it holds.

    Args:
        name (str): Perhaps with bytes that Python could not decode; these
            are written as ``\\xe9``.
    """
    return os.fsencode(name).decode('utf-8', 'backslashreplace')


def encoding_problem(path: str) -> Optional[str]:
    """Says how the encoding of a text file differs from plain UTF-8, or None.

    Args:
        path (str): A file on a disk.
    """
    with open(path, 'rb') as file:
        content = file.read()
    for mark, name in _MARKS:
        if content.startswith(mark):
            return ('begins with a byte-order mark'
                    if mark == codecs.BOM_UTF8 else f'is in {name.upper()}')
    try:
        content.decode('utf-8')
    except UnicodeDecodeError:
        return 'is not in UTF-8'
    return None
