"""Image-level labels of unlabeled images (Sec. 3.5)."""
import csv
import os.path as osp
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Dict, List, Sequence, Set

import numpy as np
from mmengine.config import Config
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import DATASETS

from ..utils.configs import unlabeled_configs
from ..utils.input_error import InputError, require_folder
from ..utils.mask_image import UNKNOWN

Labels = Dict[str, Set[str]]
"""Class names by image, whose path is relative to the image folder."""


def labels_from_xml(folder: Path, images: Sequence[str]) -> Labels:
    """Reads annotations of PASCAL VOC.

    Args:
        folder (Path): Folder with one XML file per image, of the same stem.
        images (Sequence[str]): Images relative to their folder.

    Returns:
        dict[str, set[str]]: Classes of the images that have a file.

    Raises:
        InputError: If the folder is missing or a file is broken.
    """
    require_folder(folder, 'Set the folder Annotations of VOC.')
    labels = {}
    for image in images:
        path = folder / Path(image).with_suffix('.xml')
        if not path.is_file():
            continue
        try:
            objects = ElementTree.parse(path).getroot().iter('object')
            labels[image] = {thing.findtext('name') for thing in objects}
        except ElementTree.ParseError as error:
            raise InputError(
                f'{path} is not a valid XML file: {error}.') from None
    return labels


def labels_from_csv(path: Path, images: Sequence[str]) -> Labels:
    """Reads a table with the columns ``image`` and ``classes``.

    Args:
        path (Path): CSV file in UTF-8.
        images (Sequence[str]): Images relative to their folder.

    Returns:
        dict[str, set[str]]: Classes of the images that have a row.

    Raises:
        InputError: If the table is missing, has other columns, names an image
            twice, or names one that is not among the unlabeled images.
    """
    known = {name: name for name in images}
    known.update({osp.splitext(name)[0]: name for name in images})
    labels: Labels = {}
    with open(path, newline='', encoding='utf-8-sig') as file:
        table = csv.DictReader(file)
        if table.fieldnames != ['image', 'classes']:
            raise InputError(
                f'{path}: got the columns {table.fieldnames}, expected a '
                'first line "image,classes".')
        for row in table:
            image = known.get(row['image'].strip())
            where = f'{path}:{table.line_num}'
            if image is None:
                raise InputError(
                    f'{where}: {row["image"]!r} is not among the unlabeled '
                    'images of the config. Write it relative to '
                    'data_prefix.img_path of the unlabeled data set, such as '
                    f'{images[0]!r}.')
            if image in labels:
                raise InputError(f'{where}: a second row of {image!r}. '
                                 'Write all its classes in one row.')
            names = (row['classes'] or '').split(';')
            labels[image] = {name.strip() for name in names if name.strip()}
    return labels


def labels_from_masks(folder: Path, images: Sequence[str],
                      labeled_dataset) -> Labels:
    """Reads the classes that occur in masks.

    Args:
        folder (Path): Folder with one mask per image, of the same stem.
        images (Sequence[str]): Images relative to their folder.
        labeled_dataset (BaseSegDataset): Data set that defines the ids.

    Returns:
        dict[str, set[str]]: Classes of the images that have a mask.

    Raises:
        InputError: If the folder is missing or a mask has an unknown id.
    """
    require_folder(folder, 'Set the folder of the masks.')
    classes = labeled_dataset.metainfo['classes']
    load = LoadAnnotations()
    labels = {}
    for image in images:
        path = folder / Path(image).with_suffix(labeled_dataset.seg_map_suffix)
        if not path.is_file():
            continue
        mask = load(
            dict(
                seg_map_path=str(path),
                seg_fields=[],
                label_map=labeled_dataset.label_map,
                reduce_zero_label=labeled_dataset.reduce_zero_label)
        )['gt_seg_map']
        ids = [int(i) for i in np.unique(mask) if i != UNKNOWN]
        if ids and ids[-1] >= len(classes):
            raise InputError(
                f'{path} has the id {ids[-1]}, but the config has '
                f'{len(classes)} classes. Is this the right folder?')
        labels[image] = {classes[i] for i in ids}
    return labels


def without_background(classes: Sequence[str], background: str) -> List[str]:
    """Class names without the background, as the classifier learns them.

    Raises:
        InputError: If no class is the background, or no other class is left.
    """
    if background not in classes or len(classes) < 2:
        raise InputError(
            'Weak masks show objects on a background, but the classes of the '
            f'config, {", ".join(classes)}, are not {background!r} and '
            'others. Set --background to the class of the rest of an image. '
            'Without such a class image-level labels are of no use.')
    return [name for name in classes if name != background]


def to_annotations(labels: Labels, classes: Sequence[str],
                   background: str) -> dict:
    """Labels in the format of mmpretrain's ``MultiLabelDataset``.

    Args:
        labels (dict[str, set[str]]): See :data:`Labels`.
        classes (Sequence[str]): Classes of the segmentation, in the order of
            their ids.
        background (str): Class of the rest of each image.

    Returns:
        dict: ``data_list`` with ``img_path`` and ``gt_label``; ``metainfo``
        with the ``classes`` of the classifier, ``mask_ids`` (their ids in
        masks) and ``background_id``.

    Raises:
        InputError: If there are no labels or a class is unknown.
    """
    objects = without_background(classes, background)
    if not labels:
        raise InputError('None of the unlabeled images of the config has '
                         'labels. Is this the right folder or file?')
    for image, names in labels.items():
        unknown = sorted(names - set(classes))
        if unknown:
            raise InputError(
                f'{image} is labeled {", ".join(unknown)}, which the config '
                f'does not have. Its classes: {", ".join(classes)}.')
    return dict(
        metainfo=dict(
            classes=objects,
            mask_ids=[classes.index(name) for name in objects],
            background_id=classes.index(background)),
        data_list=[
            dict(
                img_path=image,
                gt_label=[
                    i for i, name in enumerate(objects) if name in names
                ]) for image, names in sorted(labels.items())
        ])


def unlabeled_images(cfg: Config) -> List[str]:
    """Unlabeled images of a config, relative to their folder."""
    images = []
    for dataset in unlabeled_configs(cfg):
        # made from the output of this tool, so it may be missing yet
        dataset.data_prefix.pop('weak_seg_map_path', None)
        dataset = DATASETS.build(dataset)
        folder = dataset.data_prefix['img_path']
        images += [
            osp.relpath(dataset.get_data_info(i)['img_path'], folder)
            for i in range(len(dataset))
        ]
    if not images:
        raise InputError('The config has no UnlabeledDataset in its '
                         'train_dataloader. Use the config of the training on '
                         'weak masks.')
    return images
