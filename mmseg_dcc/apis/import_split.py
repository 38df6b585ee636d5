"""Import of published lists of labeled and unlabeled images."""
import re
from pathlib import Path, PurePosixPath
from typing import List, NamedTuple, Optional, Sequence

from ..utils.input_error import InputError, require_folder, shorten, warn
from ..utils.list_files import (
    read_numbered_lines,
    require_unique,
    write_split,
)
from ..utils.public_data import CITYSCAPES_DOWNLOAD_HINT, VOC_DOWNLOAD_HINT


class PublishedDataset(NamedTuple):
    """Naming scheme of the files of a data set."""

    file_name: 're.Pattern[str]'
    """Matches file names of images and label maps; its groups fill
    ``stem``."""

    stem: str
    """Template of the stem that is written."""

    example: str
    """Stem for error messages."""

    image: str
    """Template of the image's path below the data root."""

    download_hint: str
    """Sentence on how to get the data."""


DATASETS = {
    'voc':
    PublishedDataset(
        re.compile(r'(?P<id>\d{4}_\d{6})(\.jpg|\.png)?'), '{id}',
        '2007_000032', 'JPEGImages/{stem}.jpg', VOC_DOWNLOAD_HINT),
    'cityscapes':
    PublishedDataset(
        re.compile(r'(?P<id>(?P<city>[a-z]+)_\d{6}_\d{6})'
                   r'(_leftImg8bit|_gtFine(_labelTrainIds|_labelIds)?)?'
                   r'(\.png)?'), '{city}/{id}', 'aachen/aachen_000000_000019',
        'leftImg8bit/train/{stem}_leftImg8bit.png', CITYSCAPES_DOWNLOAD_HINT),
}


def parse_line(line: str, dataset: str) -> str:
    """Stem of the image that a line of a published list names.

    Args:
        line (str): Line with one column (image) or two (image, label map),
            separated by white space.
        dataset (str): ``voc`` or ``cityscapes``.

    Returns:
        str: Stem of the image.

    Raises:
        InputError: If the line has another number of columns, a column is not
            a file of the data set, or the columns name different images.
    """
    published = DATASETS[dataset]
    columns = line.split()
    if len(columns) > 2:
        raise InputError(f'got {len(columns)} columns in {line!r}, expected '
                         'one (image) or two (image, label map).')
    stems = []
    for column in columns:
        match = published.file_name.fullmatch(PurePosixPath(column).name)
        if match is None:
            raise InputError(
                f'cannot read {column!r} as a file of {dataset}, expected a '
                f'path or stem like {published.example}. Is --dataset '
                'right?')
        stems.append(published.stem.format(**match.groupdict()))
    if len(set(stems)) > 1:
        raise InputError(
            f'the two columns name different images, {stems[0]!r} and '
            f'{stems[1]!r}; an image and its label map share their stem.')
    return stems[0]


def read_published_list(path: Path, dataset: str) -> List[str]:
    """Reads a published list.

    Args:
        path (Path): List file.
        dataset (str): ``voc`` or ``cityscapes``.

    Returns:
        list[str]: Stems in the order of the file.

    Raises:
        InputError: If the file is missing or empty, or a line is repeated
            or cannot be read; names file and line.
    """
    numbered_stems = []
    for number, line in read_numbered_lines(path):
        try:
            numbered_stems.append((number, parse_line(line, dataset)))
        except InputError as error:
            raise InputError(f'{path}:{number}: {error}') from None
    require_unique(path, numbered_stems)
    return [stem for _, stem in numbered_stems]


def warn_of_overlap(labeled: Sequence[str], unlabeled: Sequence[str]) -> None:
    """Warns if images are in both lists.

    Args:
        labeled (Sequence[str]): Stems of the images with labels.
        unlabeled (Sequence[str]): Stems of the images without labels.
    """
    overlap = sorted(set(labeled) & set(unlabeled))
    if overlap:
        warn(f'{len(overlap)} images are in both lists ({shorten(overlap)}). '
             'This is only intended in the full setting, where all labeled '
             'images are also the unlabeled ones.')


def require_images(stems: Sequence[str], dataset: str,
                   data_root: Path) -> None:
    """Raises if images of a list are missing.

    Args:
        stems (Sequence[str]): Stems of the images.
        dataset (str): ``voc`` or ``cityscapes``.
        data_root (Path): Root of the data set.

    Raises:
        InputError: If the data root or an image is missing.
    """
    published = DATASETS[dataset]
    require_folder(data_root, published.download_hint)
    images = [data_root / published.image.format(stem=stem) for stem in stems]
    missing = [image for image in images if not image.is_file()]
    if missing:
        raise InputError(
            f'{len(missing)} of {len(images)} images do not exist: '
            f'{shorten(missing)}. {published.download_hint}')


def import_split(labeled_file: Path,
                 unlabeled_file: Path,
                 dataset: str,
                 out_dir: Path,
                 name: str,
                 data_root: Optional[Path] = None) -> None:
    """Imports a pair of published lists.

    Args:
        labeled_file (Path): Published list of the images with labels.
        unlabeled_file (Path): Published list of the images without labels.
        dataset (str): ``voc`` or ``cityscapes``.
        out_dir (Path): Folder of the lists; made if needed.
        name (str): Name of the split, such as ``1-8_seed0``.
        data_root (Path, optional): Root of the data set, to check that every
            image exists. Defaults to None, which skips the check.

    Raises:
        InputError: If an input is wrong or missing; nothing is written then.
    """
    if not re.fullmatch(r'[\w.-]+', name):
        raise InputError(f'--name: got {name!r}, expected letters, digits, '
                         '"-", "_" and "." only, such as 1-8_seed0.')
    labeled = read_published_list(labeled_file, dataset)
    unlabeled = read_published_list(unlabeled_file, dataset)
    warn_of_overlap(labeled, unlabeled)
    if data_root is not None:
        require_images(sorted({*labeled, *unlabeled}), dataset, data_root)
    write_split(out_dir, name, labeled, unlabeled)
