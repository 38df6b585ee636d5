"""Makes the lists of labeled and unlabeled images by ratio and seed.

Examples::

    python tools/dataset_tools/make_splits.py voc \
        --data-root data/VOCdevkit/VOC2012
    python tools/dataset_tools/make_splits.py cityscapes \
        --data-root data/cityscapes
    python tools/dataset_tools/make_splits.py list \
        --list data/camvid/ImageSets/Segmentation/train.txt \
        --out-dir data/camvid/ImageSets/Segmentation/dcc
    python tools/dataset_tools/make_splits.py list \
        --ratios 1/16 1/8 1/4 full \
        --list data/ccp/ImageSets/Segmentation/train.txt \
        --extra-unlabeled data/ccp/ImageSets/Segmentation/unlabeled.txt \
        --out-dir data/ccp/ImageSets/Segmentation/dcc

For every ratio and seed two files are written, for instance
``1-8_seed0_labeled.txt`` and ``1-8_seed0_unlabeled.txt``.
:mod:`mmseg_dcc.apis.make_splits` describes the draw. For VOC
``1464_labeled.txt`` and ``1464_unlabeled.txt`` are written, too: the training
images of VOC itself and those that SBD adds (Table 5).
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
from pathlib import Path
from typing import Optional, Sequence

from mmseg_dcc.apis.class_coverage import read_coverage
from mmseg_dcc.apis.make_splits import (
    make_splits,
    parse_ratio,
    read_extra_unlabeled,
    read_voc_stems,
    scan_cityscapes_stems,
    write_original_split,
)
from mmseg_dcc.utils.input_error import InputError, exit_on_input_error
from mmseg_dcc.utils.list_files import read_stems
from mmseg_dcc.utils.public_data import VOC_LISTS_FOLDER


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Make lists of labeled and unlabeled images by ratio and '
        'seed.')
    datasets = parser.add_subparsers(dest='dataset', required=True)
    voc = datasets.add_parser('voc', help='PASCAL VOC 2012 with SBD')
    cityscapes = datasets.add_parser('cityscapes', help='Cityscapes')
    own = datasets.add_parser('list', help='any list of stems')
    for dataset, ratios in ((voc, ['1/16', '1/8', '1/4', 'full']),
                            (cityscapes, ['1/8', '1/4', 'full']),
                            (own, ['1/8', '1/4', 'full'])):
        dataset.add_argument(
            '--ratios',
            nargs='+',
            default=ratios,
            metavar='RATIO',
            help='shares of labeled images, such as 1/8, or "full" (default: '
            f'{" ".join(ratios)})')
        dataset.add_argument(
            '--seeds',
            nargs='+',
            type=int,
            default=[0, 1, 2],
            metavar='SEED',
            help='one pair of lists is made per seed (default: 0 1 2)')
    voc.add_argument(
        '--data-root',
        type=Path,
        default=Path('data/VOCdevkit/VOC2012'),
        help='folder VOC2012 of the devkit (default: %(default)s)')
    voc.add_argument(
        '--list',
        type=Path,
        default=Path(VOC_LISTS_FOLDER, 'train_aug.txt'),
        help='master list relative to --data-root (default: %(default)s)')
    voc.add_argument(
        '--out-dir',
        type=Path,
        help=f'folder of the lists (default: DATA_ROOT/{VOC_LISTS_FOLDER}/dcc)'
    )
    cityscapes.add_argument(
        '--data-root',
        type=Path,
        default=Path('data/cityscapes'),
        help='folder that holds leftImg8bit (default: %(default)s)')
    cityscapes.add_argument(
        '--out-dir',
        type=Path,
        help='folder of the lists (default: DATA_ROOT/splits/dcc)')
    own.add_argument(
        '--list',
        type=Path,
        required=True,
        help='master list: one path per line, relative to the image folder, '
        'without suffix')
    own.add_argument(
        '--out-dir', type=Path, required=True, help='folder of the lists')
    own.add_argument(
        '--extra-unlabeled',
        type=Path,
        metavar='FILE',
        help='list of images without masks, none of them in --list, that are '
        'unlabeled in every split')
    own.add_argument(
        '--least-per-class',
        type=int,
        default=0,
        metavar='N',
        help='minimum number of labeled images that show each class; needs '
        '--masks (default: 0, no minimum)')
    own.add_argument(
        '--masks',
        type=Path,
        metavar='FOLDER',
        help='masks of --list, read for --least-per-class')
    own.add_argument(
        '--held-out',
        nargs='+',
        type=Path,
        metavar='FILE',
        help='lists of images that must not be among the extra ones (default: '
        'val.txt and test.txt beside --list, if they exist)')
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    ratios = [parse_ratio(text) for text in args.ratios]
    extra = []
    coverage = None
    if args.dataset == 'voc':
        stems = read_voc_stems(args.data_root, args.list)
        out_dir = args.out_dir or args.data_root / VOC_LISTS_FOLDER / 'dcc'
    elif args.dataset == 'cityscapes':
        stems = scan_cityscapes_stems(args.data_root)
        out_dir = args.out_dir or args.data_root / 'splits' / 'dcc'
    else:
        stems = read_stems(args.list)
        out_dir = args.out_dir
        if args.extra_unlabeled:
            extra = read_extra_unlabeled(args.extra_unlabeled, args.list,
                                         args.held_out)
        elif args.held_out:
            raise InputError('--held-out is compared with the images of '
                             '--extra-unlabeled; give both or neither.')
        if (args.least_per_class > 0) != (args.masks is not None):
            raise InputError('--least-per-class counts the images in the '
                             'folder --masks; give both or neither.')
        if args.masks:
            coverage = read_coverage(stems, args.masks, args.least_per_class)
    make_splits(stems, ratios, args.seeds, out_dir, extra, coverage)
    if args.dataset == 'voc':
        write_original_split(stems, args.data_root, out_dir)


if __name__ == '__main__':
    main()
