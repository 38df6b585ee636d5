"""List files of images, one stem per line.

A stem is the path of an image relative to its image folder, without the
suffix, in the format of ``ann_file`` of mmseg's ``BaseSegDataset``
(``2007_000032`` for PASCAL VOC, ``aachen/aachen_000000_000019`` for
Cityscapes).
"""
from pathlib import Path
from typing import List, Sequence, Tuple

from mmengine import list_from_file

from .atomic_file import written_atomically
from .input_error import InputError


def read_numbered_lines(path: Path, hint: str = '') -> List[Tuple[int, str]]:
    """Reads the non-blank lines of a text file.

    Args:
        path (Path): Text file.
        hint (str): Sentence on how to get the file, for the error message.
            Defaults to ''.

    Returns:
        list[tuple[int, str]]: Line number, counted from 1, and the line
        without surrounding white space.

    Raises:
        InputError: If the file is missing, empty or not text.
    """
    if not path.is_file():
        raise InputError(f'List file {path} does not exist. {hint}'.rstrip())
    try:
        # utf-8-sig also reads files without a byte order mark and keeps a
        # mark, as Windows editors write it, out of the first stem.
        lines = list_from_file(str(path), encoding='utf-8-sig')
    except UnicodeDecodeError:
        raise InputError(f'List file {path} is not a text file in UTF-8; '
                         'give a list with one image per line.') from None
    numbered = [(number, line.strip())
                for number, line in enumerate(lines, start=1) if line.strip()]
    if not numbered:
        raise InputError(f'List file {path} is empty; expected one image per '
                         'line.')
    return numbered


def require_unique(path: Path,
                   numbered_stems: Sequence[Tuple[int, str]]) -> None:
    """Raises if a stem occurs twice in a list.

    Args:
        path (Path): List file, for the error message.
        numbered_stems (Sequence[tuple[int, str]]): Line number and stem.

    Raises:
        InputError: If a stem occurs twice; names both lines.
    """
    first_line = {}
    for number, stem in numbered_stems:
        if stem in first_line:
            raise InputError(
                f'{path}:{number}: {stem!r} is a duplicate of line '
                f'{first_line[stem]}; every image may occur only once, so '
                'remove one of the two lines.')
        first_line[stem] = number


def read_stems(path: Path, hint: str = '') -> List[str]:
    """Reads a list file of stems.

    Args:
        path (Path): List file with one stem per line.
        hint (str): Sentence on how to get the file, for the error message.
            Defaults to ''.

    Returns:
        list[str]: The stems in the order of the file.

    Raises:
        InputError: If the file is missing or empty, or a line is repeated
            or not a stem (several columns, a leading slash, an image suffix).
    """
    numbered = read_numbered_lines(path, hint)
    for number, line in numbered:
        if (len(line.split()) > 1 or line.startswith('/')
                or line.lower().endswith(('.jpg', '.jpeg', '.png'))):
            raise InputError(
                f'{path}:{number}: got {line!r}, expected one stem: the path '
                'relative to the image folder without suffix, such as '
                '2007_000032. Lists of paths that other projects publish are '
                'read by import_splits.py.')
    require_unique(path, numbered)
    return [stem for _, stem in numbered]


def write_stems(path: Path, stems: Sequence[str]) -> None:
    """Writes a list file atomically.

    Args:
        path (Path): List file; its folder is made if needed.
        stems (Sequence[str]): Stems in the order to write.
    """
    with written_atomically(path) as temporary:
        temporary.write_text(
            ''.join(f'{stem}\n' for stem in stems), encoding='utf-8')


def write_split(out_dir: Path, name: str, labeled: Sequence[str],
                unlabeled: Sequence[str]) -> None:
    """Writes the two lists of a split and prints their counts.

    Args:
        out_dir (Path): Folder of the lists; made if needed.
        name (str): Name of the split, such as ``1-8_seed0``; the files are
            ``{name}_labeled.txt`` and ``{name}_unlabeled.txt``.
        labeled (Sequence[str]): Stems of the images with labels.
        unlabeled (Sequence[str]): Stems of the images without labels.
    """
    for role, stems in (('labeled', labeled), ('unlabeled', unlabeled)):
        write_stems(out_dir / f'{name}_{role}.txt', stems)
    print(f'{name}: {len(labeled)} labeled, {len(unlabeled)} unlabeled')
