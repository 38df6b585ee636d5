"""What the data set tools share: list files, atomic writing, messages.

A list file holds one stem per line: the path of an image relative to its
image folder, without the suffix, as ``ann_file`` of mmseg's
``BaseSegDataset`` wants it (``2007_000032`` for PASCAL VOC,
``aachen/aachen_000000_000019`` for Cityscapes).
"""
import functools
import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, List, Sequence, Tuple

from mmengine import list_from_file

VOC_LISTS_FOLDER = 'ImageSets/Segmentation'
"""Where the VOC layout keeps its lists, relative to the data root."""

VOC_TRAIN_AUG_COUNT = 10582
"""Images in (VOC2012 train + SBD train + SBD val) - VOC2012 val."""

VOC_DOWNLOAD_HINT = (
    'Download VOCtrainval_11-May-2012.tar from '
    'http://host.robots.ox.ac.uk/pascal/VOC/voc2012/ and unpack it so that '
    'data/VOCdevkit/VOC2012/JPEGImages exists, or pass the folder you have '
    'with --data-root.')

CITYSCAPES_DOWNLOAD_HINT = (
    'Register at https://www.cityscapes-dataset.com, download '
    'leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip and unpack '
    'both into data/cityscapes, or pass the folder you have with '
    '--data-root.')


class InputError(Exception):
    """What the user gave cannot be used; the message says what to change."""


def exit_on_input_error(main: Callable) -> Callable:
    """Makes a command end with one sentence instead of a traceback.

    Args:
        main (Callable): Entry point of a command-line tool.

    Returns:
        Callable: The same entry point, which raises ``SystemExit`` with the
        message (exit code 1) on :class:`InputError` and ``OSError``.
    """

    @functools.wraps(main)
    def main_with_clean_exit(*args, **kwargs):
        try:
            return main(*args, **kwargs)
        except (InputError, OSError) as error:
            raise SystemExit(f'Error: {error}') from None

    return main_with_clean_exit


def warn(message: str) -> None:
    """Prints a warning to stderr, so that stdout keeps the counts alone.

    Args:
        message (str): One sentence, without the word "Warning".
    """
    print(f'Warning: {message}', file=sys.stderr)


def warn_if_count_differs(count: int, expected: int, what: str,
                          advice: str) -> None:
    """Warns when a data set does not have its well-known size.

    Args:
        count (int): Number of images found.
        expected (int): Number of images the full data set has.
        what (str): What was counted, as the subject of the sentence.
        advice (str): Sentence on what to check.
    """
    if count != expected:
        warn(f'{what}: got {count} images, expected {expected}. {advice}')


def require_folder(folder: Path, hint: str) -> None:
    """Raises when a folder is missing.

    Args:
        folder (Path): Folder that has to exist.
        hint (str): Sentence on how to get it.

    Raises:
        InputError: If ``folder`` is not an existing folder.
    """
    if not folder.is_dir():
        raise InputError(f'Folder {folder} does not exist. {hint}')


def read_numbered_lines(path: Path, hint: str = '') -> List[Tuple[int, str]]:
    """Reads the lines of a text file that are not blank.

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
    """Raises when a stem occurs twice in a list.

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
            or no stem (several columns, a leading slash, an image suffix).
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


@contextmanager
def written_atomically(path: Path) -> Iterator[Path]:
    """Yields a temporary path that becomes ``path`` if all goes well.

    An interrupted run thus never leaves half a file that looks complete.

    Args:
        path (Path): File to write; its folder is made if needed.

    Yields:
        Path: File in the same folder, with the same suffix, to write to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A folder of its own rather than a temporary file: the file inside it
    # then gets the ordinary permissions of the user, not the private ones of
    # mkstemp, which would follow it to its final name.
    with tempfile.TemporaryDirectory(
            prefix='.unfinished_', dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        yield temporary
        os.replace(temporary, path)


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


def shorten(items: Sequence, limit: int = 3) -> str:
    """Joins the first items for a message.

    Args:
        items (Sequence): What to name.
        limit (int): Number of items that are named. Defaults to 3, which
            keeps a message readable.

    Returns:
        str: The first items, and "..." if there are more.
    """
    named = ', '.join(str(item) for item in items[:limit])
    return named + (', ...' if len(items) > limit else '')
