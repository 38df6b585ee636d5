"""Atomic writing of files."""
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Union


@contextmanager
def written_atomically(path: Path) -> Iterator[Path]:
    """Yields a temporary path that is renamed to ``path`` on success.

    An interrupted run, a full disk or a power failure thus never leaves a
    partial file under the final name.

    Args:
        path (Path): File to write; its folder is made if needed.

    Yields:
        Path: File in the same folder, with the same suffix, to write to.

    Raises:
        OSError: If the file cannot be written; names ``path``.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A temporary folder rather than mkstemp: the file inside it has the user's
    # default permissions. A file of mkstemp is private and would stay so
    # under its final name.
    with tempfile.TemporaryDirectory(
            prefix='.unfinished_', dir=path.parent) as folder:
        temporary = Path(folder) / path.name
        try:
            yield temporary
            flush_to_disk(temporary)
        except OSError as error:
            if error.filename not in (None, str(temporary)):
                raise
            # the user does not know the temporary name
            raise OSError(
                error.errno, 'could not be written, no partial file is left: '
                f'{error.strerror or error}', str(path)) from error
        os.replace(temporary, path)


def flush_to_disk(path: Union[str, Path]) -> None:
    """Waits until the bytes of a file are on the disk, before a rename.

    File systems may write the new name before the content; after a power
    failure the file would be empty. Some report a full disk or an exceeded
    quota only here.

    Args:
        path (str | Path): The file.

    Raises:
        OSError: If the bytes cannot be written to the disk.
    """
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
