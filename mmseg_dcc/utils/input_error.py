"""Errors and warnings of the command lines, one sentence each."""
import functools
import sys
from pathlib import Path
from typing import Callable, Sequence


class InputError(Exception):
    """Invalid input of the user; the message says what to change."""


def exit_on_input_error(main: Callable) -> Callable:
    """Makes a command end with an error message instead of a traceback.

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
    """Prints a warning to stderr, so that stdout has the counts only.

    Args:
        message (str): One sentence, without the word "Warning".
    """
    print(f'Warning: {message}', file=sys.stderr)


def warn_if_count_differs(count: int, expected: int, what: str,
                          advice: str) -> None:
    """Warns if a data set does not have its well-known size.

    Args:
        count (int): Number of images found.
        expected (int): Number of images the full data set has.
        what (str): What was counted, as the subject of the sentence.
        advice (str): Sentence on what to check.
    """
    if count != expected:
        warn(f'{what}: got {count} images, expected {expected}. {advice}')


def require_folder(folder: Path, hint: str) -> None:
    """Raises if a folder is missing.

    Args:
        folder (Path): Folder that has to exist.
        hint (str): Sentence on how to get it.

    Raises:
        InputError: If ``folder`` is not an existing folder.
    """
    if not folder.is_dir():
        raise InputError(f'Folder {folder} does not exist. {hint}')


def shorten(items: Sequence, limit: int = 3) -> str:
    """Joins the first items of a sequence for a message.

    Args:
        items (Sequence): Items to name.
        limit (int): Number of items that are named. Defaults to 3, which
            keeps a message short.

    Returns:
        str: The first items, and "..." if there are more.
    """
    named = ', '.join(str(item) for item in items[:limit])
    return named + (', ...' if len(items) > limit else '')
