"""A small file that is there whole or not at all.

``mmseg_dcc.utils.atomic_file`` does the same, but importing the package takes
seconds, for which ``reproduce.py --dry-run`` should not wait.
"""
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Writes beside the file and renames, so that no half of it is read."""
    temporary = path.with_suffix('.tmp')
    temporary.write_text(text)
    temporary.replace(path)
