"""Checks that an id means the same class in all data sets of a config."""
import logging
import re
from typing import Dict, List, Optional

from mmengine.logging import print_log


def class_names(dataset) -> tuple:
    """Class names of a plain data set; empty if it has none.

    Args:
        dataset (Dataset): Plain data set, see :func:`plain_datasets`.

    Raises:
        ValueError: If the classes are a single string, since a comma is
            missing.
    """
    names = dataset.metainfo.get('classes') or ()
    if isinstance(names, str):
        raise ValueError(
            f'{dataset_name(dataset)} has metainfo.classes={names!r}, a '
            f'single string, whose {len(names)} letters would be the classes. '
            f'Write classes=({names!r}, ) with the comma, or [{names!r}].')
    return tuple(names)


def dataset_name(dataset) -> str:
    """Name of a data set in messages: its list, folder or type."""
    prefix = getattr(dataset, 'data_prefix', {})
    return repr(
        getattr(dataset, 'ann_file', None) or prefix.get('img_path')
        or type(dataset).__name__)


def class_conflict(names: tuple, others: tuple) -> Optional[str]:
    """Describes the first id that means two different classes, or None.

    If the two lists share no name, they may be translations, which is not a
    conflict. Capitals, spaces, hyphens and underscores are ignored.

    Args:
        names (tuple[str]): Class names of one data set, by id.
        others (tuple[str]): Class names of another data set.
    """
    known = [_without_spelling(name) for name in others]
    for number, name in enumerate(names):
        plain = _without_spelling(name)
        if plain in known and plain not in known[number:number + 1]:
            place = known.index(plain)
            return (f'id {number} is {name!r} in one, but {others[place]!r} '
                    f'has id {place} in the other')
    if len(names) != len(others):
        return f'one has {len(names)} classes, the other {len(others)}'
    return None


def _without_spelling(name: str) -> str:
    return re.sub(r'[\s_-]', '', str(name).casefold())


def check_class_names(parts: Dict[str, list],
                      num_classes: Optional[int] = None) -> List[str]:
    """Compares the classes of all data sets with those of the first.

    Args:
        parts (dict[str, list]): Plain labeled data sets by the key of their
            data loader; the first is the training's.
        num_classes (int, optional): Number of classes of the head that
            predicts. Defaults to None: not compared.

    Returns:
        list[str]: Suspicious differences, which are also logged as warnings.

    Raises:
        ValueError: If an id means two things, a name occurs twice, or the
            classes are a single string.
    """
    named = [(key, dataset, class_names(dataset))
             for key, datasets in parts.items() for dataset in datasets]
    odd = []
    for key, dataset, names in named:
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(
                f'{dataset_name(dataset)} of {key} has {twice} twice in '
                f'metainfo.classes={names}. Give each id its own name.')
    for key, dataset, names in named[1:]:
        first_key, first, expected = named[0]
        # Data sets that train together must have the same names. A data set
        # of validation without names is not compared.
        if names == expected or key != first_key and not (names and expected):
            continue
        what = (f'{dataset_name(dataset)} of {key} has the classes {names}, '
                f'but {dataset_name(first)} of {first_key} has {expected}')
        conflict = class_conflict(expected, names)
        if conflict or key == first_key:
            raise ValueError(
                f'{what}{": " + conflict if conflict else ""}. One id would '
                'mean different things. Give all labeled data sets the same '
                'metainfo.classes in the same order.')
        odd.append(f'{what}: make sure that each id means the same class.')
    zero = [getattr(dataset, 'reduce_zero_label', False)
            for _, dataset, _ in named]
    for (key, dataset, _), reduces in zip(named, zero):
        if bool(reduces) != bool(zero[0]):
            odd.append(
                f'{dataset_name(dataset)} of {key} has reduce_zero_label='
                f'{reduces}, but {dataset_name(named[0][1])} of '
                f'{named[0][0]} has {zero[0]}: make sure that the masks of '
                'one count from 1 and those of the other from 0.')
    if num_classes and named and named[0][2] and (len(named[0][2])
                                                  != num_classes):
        key, dataset, names = named[0]
        odd.append(
            f'{dataset_name(dataset)} of {key} has {len(names)} classes '
            f'{names}, but model.decode_head.num_classes={num_classes}. The '
            'validation scores cover only the classes of the data set.')
    for text in dict.fromkeys(odd):
        print_log(text, logger='current', level=logging.WARNING)
    return odd
