"""Files that are there whole or not at all."""
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator


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
