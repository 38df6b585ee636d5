"""Imports published lists of labeled and unlabeled images.

Example::

    python tools/dataset_tools/import_splits.py --dataset voc \
        --labeled 1323_train_supervised.txt \
        --unlabeled 1323_train_unsupervised.txt \
        --out-dir data/VOCdevkit/VOC2012/ImageSets/Segmentation/dcc \
        --name 1-8_seed0 --data-root data/VOCdevkit/VOC2012

Published lists name the same images in many ways: with or without folders, a
leading slash, suffixes and a second column for the label map. The tool has no
list of these layouts. It looks for the id in the file name, which all of them
contain: ``2007_000032`` for PASCAL VOC and ``aachen_000000_000019`` for
Cityscapes, whose first word is also the folder. The order of the lists is
kept.
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
from pathlib import Path
from typing import Optional, Sequence

from mmseg_dcc.apis.import_split import DATASETS, import_split
from mmseg_dcc.utils.input_error import exit_on_input_error


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Import published lists of labeled and unlabeled images.')
    parser.add_argument(
        '--labeled', type=Path, required=True, help='published list')
    parser.add_argument(
        '--unlabeled', type=Path, required=True, help='published list')
    parser.add_argument('--dataset', choices=sorted(DATASETS), required=True)
    parser.add_argument(
        '--out-dir', type=Path, required=True, help='folder of the lists')
    parser.add_argument(
        '--name',
        required=True,
        help='name of the split, such as 1-8_seed0: the files become '
        'NAME_labeled.txt and NAME_unlabeled.txt')
    parser.add_argument(
        '--data-root',
        type=Path,
        help='root of the data set, to check that every image exists '
        '(default: no check)')
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    import_split(args.labeled, args.unlabeled, args.dataset, args.out_dir,
                 args.name, args.data_root)


if __name__ == '__main__':
    main()
