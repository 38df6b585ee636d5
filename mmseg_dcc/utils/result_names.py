"""Names of results, one for each image, as the images are named."""
import os.path as osp
from typing import Dict, Sequence

from .input_error import InputError


def result_names(paths: Sequence[str],
                 folders: Sequence[str] = ()) -> Dict[str, str]:
    """Names of results that no two images share.

    Args:
        paths (Sequence[str]): Of the images; one that occurs twice has one
            result.
        folders (Sequence[str]): That hold them. Names are relative to the
            folder if there is one and all images lie below, otherwise to
            the deepest folder that holds all images. Defaults to ``()``.

    Returns:
        dict[str, str]: By absolute path, the relative path without suffix:
        ``a/0`` for ``images/a/0.jpg``. Where images differ in nothing but
        the suffix, all keep it: ``a/0.jpg``.
    """
    paths = sorted({osp.abspath(path) for path in paths})
    if not paths:
        return {}
    root = _only_folder(paths, folders) or osp.commonpath(
        [osp.dirname(path) for path in paths])
    whole = {path: osp.relpath(path, root) for path in paths}
    short = {path: osp.splitext(name)[0] for path, name in whole.items()}
    return short if len({*short.values()}) == len(paths) else whole


def _only_folder(paths: Sequence[str], folders: Sequence[str]) -> str:
    # ''.join: nothing unless there is one
    found = {osp.abspath(folder) for folder in folders}
    folder = ''.join(found) if len(found) == 1 else ''
    # with its separator: /a/b is not in /a/bc
    start = osp.join(folder, '')
    return folder if all(path.startswith(start) for path in paths) else ''


def refuse_overwriting(targets: Sequence[str], sources: Sequence[str],
                       option: str) -> None:
    """Refuses to write results over what they are made of.

    Args:
        targets (Sequence[str]): Paths of the results.
        sources (Sequence[str]): Paths of images and masks.
        option (str): With which the folder of the results was given.

    Raises:
        InputError: If a path is in both.
    """
    shared = sorted({*map(osp.realpath, targets)}
                    & {*map(osp.realpath, sources)})
    if shared:
        raise InputError(
            f'{option}: {len(shared)} results would be written over the '
            f'images or masks of the data, the first: {shared[0]}. Give '
            'another folder.')
