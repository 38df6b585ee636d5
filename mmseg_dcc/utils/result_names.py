"""Names of result files, derived from the names of the images."""
import os.path as osp
from typing import Dict, Sequence

from .input_error import InputError


def result_names(paths: Sequence[str],
                 folders: Sequence[str] = ()) -> Dict[str, str]:
    """Names of result files, unique for each image.

    Args:
        paths (Sequence[str]): Paths of the images; an image that occurs twice
            gets one result.
        folders (Sequence[str]): Folders of the images. Names are relative to
            the folder if there is only one and all images lie below it,
            otherwise to the deepest folder that holds all images. Defaults to
            ``()``.

    Returns:
        dict[str, str]: By absolute path, the relative path without suffix:
        ``a/0`` for ``images/a/0.jpg``. If two images differ in the suffix
        only, all names keep the suffix: ``a/0.jpg``.
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
    # '' unless there is exactly one folder
    found = {osp.abspath(folder) for folder in folders}
    folder = ''.join(found) if len(found) == 1 else ''
    # with the separator: /a/b does not hold /a/bc
    start = osp.join(folder, '')
    return folder if all(path.startswith(start) for path in paths) else ''


def refuse_overwriting(targets: Sequence[str], sources: Sequence[str],
                       option: str) -> None:
    """Raises if results would overwrite the files they are made from.

    Args:
        targets (Sequence[str]): Paths of the results.
        sources (Sequence[str]): Paths of images and masks.
        option (str): Option that names the folder of the results.

    Raises:
        InputError: If a path is in both.
    """
    shared = sorted({*map(osp.realpath, targets)}
                    & {*map(osp.realpath, sources)})
    if shared:
        raise InputError(
            f'{option}: {len(shared)} results would overwrite images or masks '
            f'of the data set, the first: {shared[0]}. Choose another folder.')


def require_unique_results(paths: Sequence[str], results: Sequence[str],
                           what: str) -> None:
    """Raises if two images have the same result file.

    Args:
        paths (Sequence[str]): Paths of the images.
        results (Sequence[str]): Path of the result of each image.
        what (str): Kind of result, such as ``weak mask``.

    Raises:
        InputError: If two different images have the same result.
    """
    images: Dict[str, str] = {}
    for path, result in zip(paths, results):
        first = images.setdefault(result, path)
        if first != path:
            raise InputError(
                f'{first} and {path} would share the {what} {result}. Rename '
                'one of the images, also in list files.')
