"""Writes image-level labels of the unlabeled images of a config (Sec. 3.5).

The output is an annotation file of mmpretrain's ``MultiLabelDataset``, for the
classifier whose class activation maps become weak masks. Images without labels
are left out.

Examples::

    python tools/dataset_tools/make_image_labels.py CONFIG \
        xml data/VOCdevkit/VOC2012/Annotations --out labels.json
    python tools/dataset_tools/make_image_labels.py CONFIG \
        csv data/own/labels.csv --out labels.json --background soil
    python tools/dataset_tools/make_image_labels.py CONFIG \
        masks data/demo/SegmentationClassAug --out labels.json

* ``xml``: a folder of PASCAL VOC annotations; the object names are the labels,
  including those of difficult objects.
* ``csv``: a table with the columns ``image`` (relative to the image folder,
  with or without suffix) and ``classes`` (separated by ";", empty if the image
  shows only background).
* ``masks``: a folder of full masks, to try what image-level labels alone would
  have gained.
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
import json
from pathlib import Path
from typing import Optional, Sequence

from mmseg_dcc.apis.image_labels import (
    labels_from_csv,
    labels_from_masks,
    labels_from_xml,
    to_annotations,
    unlabeled_images,
    without_background,
)
from mmseg_dcc.datasets.plain_datasets import plain_datasets
from mmseg_dcc.utils.atomic_file import written_atomically
from mmseg_dcc.utils.command_line import add_config_arguments, load_config
from mmseg_dcc.utils.configs import build_lazily
from mmseg_dcc.utils.input_error import exit_on_input_error, shorten


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument('source', choices=['xml', 'csv', 'masks'])
    parser.add_argument('path', type=Path, help='folder, or CSV file')
    parser.add_argument(
        '--out', type=Path, required=True, help='annotation file to write')
    parser.add_argument(
        '--background',
        default='background',
        help='class of the rest of an image (default: %(default)s)')
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    cfg = load_config(args)
    labeled = build_lazily(plain_datasets(cfg.train_dataloader.dataset)[0])
    classes = list(labeled.metainfo['classes'])
    without_background(classes, args.background)  # fails before long reading
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
