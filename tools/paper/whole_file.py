"""Atomic writing of a small text file.

``mmseg_dcc.utils.atomic_file`` does the same, but importing the package takes
seconds, which ``reproduce.py --dry-run`` should not cost.
"""
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Writes a temporary file and renames it: readers never see half of it."""
    temporary = path.with_suffix('.tmp')
    temporary.write_text(text)
    temporary.replace(path)
