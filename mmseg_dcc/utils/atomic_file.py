"""Files that are there whole or not at all."""
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Union


@contextmanager
def written_atomically(path: Path) -> Iterator[Path]:
    """Yields a temporary path that becomes ``path`` if all goes well.

    An interrupted run, a full disk or a power failure thus never leaves half
    a file that looks complete.

    Args:
        path (Path): File to write; its folder is made if needed.

    Yields:
        Path: File in the same folder, with the same suffix, to write to.

    Raises:
        OSError: If it cannot be written, with the name of the file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # A folder of its own rather than a temporary file: the file inside it
    # then gets the ordinary permissions of the user, not the private ones of
    # mkstemp, which would follow it to its final name.
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
                error.errno, 'could not be written, nothing of it is left: '
                f'{error.strerror or error}', str(path)) from error
        os.replace(temporary, path)


def flush_to_disk(path: Union[str, Path]) -> None:
    """Waits until the bytes of a file are on the disk, before a rename.

    File systems may write the new name before the content: after a power
    failure the file would be empty. Some report only here that a disk or a
    quota is full.

    Args:
        path (str | Path): The file.

    Raises:
        OSError: If the bytes do not get there.
    """
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
