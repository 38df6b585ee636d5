"""Lists which classes the unlabeled images of a config show (Sec. 3.5).

Writes the annotation file that ``MultiLabelDataset`` of mmpretrain reads, for
the classifier whose class activation maps become weak masks. Images without
labels are left out.

Examples::

    python tools/dataset_tools/make_image_labels.py CONFIG \
        xml data/VOCdevkit/VOC2012/Annotations --out labels.json
    python tools/dataset_tools/make_image_labels.py CONFIG \
        csv data/own/labels.csv --out labels.json --background soil
    python tools/dataset_tools/make_image_labels.py CONFIG \
        masks data/demo/SegmentationClassAug --out labels.json

* ``xml``: a folder of PASCAL VOC annotations; the names of the objects count,
  difficult ones, too.
* ``csv``: a table with the columns ``image`` (relative to the image folder,
  with or without suffix) and ``classes`` (separated by ";", empty if the
  image shows nothing but background).
* ``masks``: a folder of full masks, to try out what image-level labels alone
  would have brought.
"""
import argparse
import csv
import json
import os.path as osp
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Set

# Imports mmseg_dcc, which must come before mmseg.
from config_datasets import (  # isort: skip
    add_config_arguments, build_lazily, load_config, plain_datasets)
import numpy as np
from list_files import (
    InputError,
    exit_on_input_error,
    require_folder,
    shorten,
    written_atomically,
)
from mmengine.config import Config
from mmseg.datasets.transforms import LoadAnnotations
from mmseg.registry import DATASETS

Labels = Dict[str, Set[str]]
"""Names of the classes by image, the image relative to its folder."""


def labels_from_xml(folder: Path, images: Sequence[str]) -> Labels:
    """Reads annotations of PASCAL VOC.

    Args:
        folder (Path): With one XML file an image, of the same stem.
        images (Sequence[str]): Images relative to their folder.

    Returns:
        dict[str, set[str]]: Of the images that have a file.

    Raises:
        InputError: If the folder is missing or a file is broken.
    """
    require_folder(folder, 'Give the folder Annotations of VOC.')
    labels = {}
    for image in images:
        path = folder / Path(image).with_suffix('.xml')
        if not path.is_file():
            continue
        try:
            objects = ElementTree.parse(path).getroot().iter('object')
            labels[image] = {thing.findtext('name') for thing in objects}
        except ElementTree.ParseError as error:
            raise InputError(f'{path} is no XML file: {error}.') from None
    return labels


def labels_from_csv(path: Path, images: Sequence[str]) -> Labels:
    """Reads a table with the columns ``image`` and ``classes``.

    Args:
        path (Path): CSV file in UTF-8.
        images (Sequence[str]): Images relative to their folder.

    Returns:
        dict[str, set[str]]: Of the images that have a row.

    Raises:
        InputError: If the table is missing, has other columns, or names an
            image twice or one that is not among the unlabeled ones.
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
                    'data_prefix.img_path of the unlabeled dataset, such as '
                    f'{images[0]!r}.')
            if image in labels:
                raise InputError(f'{where}: a second row of {image!r}. '
                                 'Write all its classes into one.')
            names = (row['classes'] or '').split(';')
            labels[image] = {name.strip() for name in names if name.strip()}
    return labels


def labels_from_masks(folder: Path, images: Sequence[str],
                      labeled_dataset) -> Labels:
    """Reads which classes occur in masks.

    Args:
        folder (Path): With one mask an image, of the same stem.
        images (Sequence[str]): Images relative to their folder.
        labeled_dataset (BaseSegDataset): Says what the ids mean.

    Returns:
        dict[str, set[str]]: Of the images that have a mask.

    Raises:
        InputError: If the folder is missing or a mask has an unknown id.
    """
    require_folder(folder, 'Give the folder of the masks.')
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
        ids = [int(i) for i in np.unique(mask) if i != 255]
        if ids and ids[-1] >= len(classes):
            raise InputError(
                f'{path} has the id {ids[-1]}, but the config has '
                f'{len(classes)} classes. Is this the right folder?')
        labels[image] = {classes[i] for i in ids}
    return labels


def without_background(classes: Sequence[str], background: str) -> List[str]:
    """Classes of the segmentation that the classifier learns.

    Raises:
        InputError: If no class is background, or no other is left.
    """
    if background not in classes or len(classes) < 2:
        raise InputError(
            'Weak masks show objects before a background, but the classes of '
            f'the config, {", ".join(classes)}, are not {background!r} and '
            'others. Name the class that is the rest of an image with '
            '--background; without one image-level labels are of no use.')
    return [name for name in classes if name != background]


def to_annotations(labels: Labels, classes: Sequence[str],
                   background: str) -> dict:
    """Writes labels as mmpretrain's ``MultiLabelDataset`` reads them.

    Args:
        labels (dict[str, set[str]]): See :data:`Labels`.
        classes (Sequence[str]): Of the segmentation, in the order of its
            ids.
        background (str): The one that is the rest of each image.

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
                         'labels there. Is this the right folder or file?')
    for image, names in labels.items():
        unknown = sorted(names - set(classes))
        if unknown:
            raise InputError(
                f'{image} is labeled {", ".join(unknown)}, which the config '
                f'does not know. Its classes: {", ".join(classes)}.')
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
    for dataset in plain_datasets(cfg.train_dataloader.dataset):
        if dataset.type == 'UnlabeledDataset':
            # made from what this tool writes, so not there yet
            dataset.data_prefix.pop('weak_seg_map_path', None)
            dataset = DATASETS.build(dataset)
            folder = dataset.data_prefix['img_path']
            images += [
                osp.relpath(dataset.get_data_info(i)['img_path'], folder)
                for i in range(len(dataset))
            ]
    if not images:
        raise InputError('The config has no UnlabeledDataset in its '
                         'train_dataloader. Give that of a DCC training.')
    return images


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument('source', choices=['xml', 'csv', 'masks'])
    parser.add_argument('path', type=Path, help='folder, or file of the csv')
    parser.add_argument(
        '--out', type=Path, required=True, help='annotation file to write')
    parser.add_argument(
        '--background',
        default='background',
        help='class that is the rest of an image (default: %(default)s)')
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv: Optional[Sequence[str]] = None) -> None:
    """Runs the command.

    Args:
        argv (Sequence[str], optional): Arguments. Defaults to None, which
            stands for those of the process.

    Raises:
        SystemExit: With one sentence, if an input is wrong or missing.
    """
    args = parse_args(argv)
    cfg = load_config(args.config, args.cfg_options)
    labeled = build_lazily(next(plain_datasets(cfg.train_dataloader.dataset)))
    classes = list(labeled.metainfo['classes'])
    without_background(classes, args.background)  # before much is read
    images = unlabeled_images(cfg)
    if args.source == 'xml':
        labels = labels_from_xml(args.path, images)
    elif args.source == 'csv':
        labels = labels_from_csv(args.path, images)
    else:
        labels = labels_from_masks(args.path, images, labeled)
    annotations = to_annotations(labels, classes, args.background)
    with written_atomically(args.out) as temporary:
        temporary.write_text(json.dumps(annotations))
    without = sorted(set(images) - set(labels))
    print(f'{args.out}: {len(labels)} of {len(images)} images with labels' +
          (f', without: {shorten(without)}' if without else ''))
    for i, name in enumerate(annotations['metainfo']['classes']):
        count = sum(i in image['gt_label']
                    for image in annotations['data_list'])
        print(f'  {name}: {count}')


if __name__ == '__main__':
    main()
