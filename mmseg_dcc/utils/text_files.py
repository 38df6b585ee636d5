"""Lists and names that are not in UTF-8."""
import codecs
import os
import os.path as osp
from typing import List, Optional
from urllib.parse import unquote

from mmengine import fileio

_MARKS = (
    (codecs.BOM_UTF8, 'utf-8-sig'),
    # begins like UTF-16
    (codecs.BOM_UTF32_LE, 'utf-32'),
    (codecs.BOM_UTF16_LE, 'utf-16'),
    (codecs.BOM_UTF16_BE, 'utf-16'),
)


def read_lines(path: str, backend_args: Optional[dict] = None) -> List[str]:
    """Lines of a list of files that are not blank, without space around.

    A byte-order mark, as Windows editors write it, tells the encoding and is
    no part of the first line; UTF-16 is recognised without one, too. Bytes
    that are no UTF-8 are kept as the file system keeps them, so that a list
    of files with names in an old encoding names these files.

    Args:
        path (str): The list.
        backend_args (dict, optional): See ``mmengine.fileio``. Defaults to
            None.
    """
    content = fileio.get(path, backend_args=backend_args)
    encoding = _encoding_of(content)
    text = content.decode(encoding, 'surrogateescape')
    lines = (line.strip() for line in text.replace('\r', '\n').split('\n'))
    return [line for line in lines if line]


def _encoding_of(content: bytes) -> str:
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    if 0 in content[:2]:
        # a letter of English in two bytes
        return 'utf-16-le' if content[0] else 'utf-16-be'
    return 'utf-8'


def local_name(line: str) -> str:
    """Name of a file as this system writes it.

    Args:
        line (str): Perhaps with backslashes as on Windows, in quotes, with
            ``./`` or ``file://`` before it.
    """
    line = line.strip('"\'')
    if line.startswith('file://'):
        line = unquote(line[len('file://'):])
    return osp.normpath(line.replace('\\', '/'))


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
    encoding = _encoding_of(content)
    if encoding != 'utf-8':
        return ('begins with a byte-order mark' if encoding == 'utf-8-sig'
                else f'is in {encoding.upper()}')
    try:
        content.decode('utf-8')
    except UnicodeDecodeError:
        return 'is not in UTF-8'
    return None
