"""List files and file names in other encodings than UTF-8."""
import codecs
import os
import os.path as osp
from typing import List, Optional
from urllib.parse import unquote

from mmengine import fileio

_MARKS = (
    (codecs.BOM_UTF8, 'utf-8-sig'),
    # before UTF-16, whose mark is a prefix of this one
    (codecs.BOM_UTF32_LE, 'utf-32'),
    (codecs.BOM_UTF16_LE, 'utf-16'),
    (codecs.BOM_UTF16_BE, 'utf-16'),
)


def read_lines(path: str, backend_args: Optional[dict] = None) -> List[str]:
    """Non-blank lines of a list file, without surrounding white space.

    A byte-order mark, as Windows editors write it, selects the encoding and is
    not part of the first line. UTF-16 is also recognised without one. Bytes
    that are not UTF-8 are kept as the file system gives them, so that a list
    with file names in an old encoding still finds the files.

    Args:
        path (str): List file.
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
        # a Latin letter in two bytes
        return 'utf-16-le' if content[0] else 'utf-16-be'
    return 'utf-8'


def local_name(line: str) -> str:
    """Normalised path of a file name from a list.

    Args:
        line (str): Name, perhaps with backslashes as on Windows, quotes, or
            the prefix ``./`` or ``file://``.
    """
    line = line.strip('"\'')
    if line.startswith('file://'):
        line = unquote(line[len('file://'):])
    return osp.normpath(line.replace('\\', '/'))


def decode_legacy_name(name: str) -> Optional[str]:
    """Name that is not UTF-8, decoded as Windows-1252; None if it is UTF-8.

    Args:
        name (str): Name as :func:`read_lines` or the file system gives it.
    """
    content = os.fsencode(name)
    try:
        content.decode('utf-8')
    except UnicodeDecodeError:
        return content.decode('cp1252', 'replace')
    return None


def printable(name: str) -> str:
    """Name that can be printed, whatever bytes it holds.

    Args:
        name (str): Name, perhaps with bytes that Python could not decode;
            these are written as ``\\xe9``.
    """
    return os.fsencode(name).decode('utf-8', 'backslashreplace')


def encoding_problem(path: str) -> Optional[str]:
    """Difference of a text file's encoding from plain UTF-8, or None.

    Args:
        path (str): Local file.
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
