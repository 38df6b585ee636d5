"""Converts Clothing Co-Parsing to the layout of PASCAL VOC.

Example::

    git clone https://github.com/bearpaw/clothing-co-parsing
    python tools/dataset_tools/convert_ccp.py \
        --source clothing-co-parsing --out-dir data/ccp --scale 0.5

From ``photos/*.jpg``, ``annotations/pixel-level/*.mat`` and
``label_list.mat`` it writes ``JPEGImages``, ``SegmentationClass`` and
``ImageSets/Segmentation/{train,val,test,unlabeled}.txt`` for
:class:`mmseg_dcc.datasets.ccp.CCPDataset`. The 59 labels are merged into 12
classes. The images with masks are divided at random into training, validation
and test; ``unlabeled.txt`` lists those without masks.
"""
import argparse
from pathlib import Path
from typing import Optional, Sequence

from mmseg_dcc.apis.convert_ccp import (
    DEFAULT_TEST_SHARE,
    DEFAULT_VAL_SHARE,
    convert_ccp,
)
from mmseg_dcc.utils.input_error import exit_on_input_error
from mmseg_dcc.utils.voc_files import DEFAULT_JPEG_QUALITY


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Convert Clothing Co-Parsing to the layout of PASCAL VOC.')
    parser.add_argument(
        '--source',
        type=Path,
        required=True,
        help='folder of the repository clothing-co-parsing')
    parser.add_argument(
        '--out-dir',
        type=Path,
        default=Path('data/ccp'),
        help='data root to write (default: %(default)s)')
    parser.add_argument(
        '--scale',
        type=float,
        default=1.,
        help='scale factor, such as 0.5 (default: %(default)s, which copies '
        'the photographs)')
    parser.add_argument(
        '--val-share',
        type=float,
        default=DEFAULT_VAL_SHARE,
        help='share of the images with masks for val.txt (default: '
        '%(default)s)')
    parser.add_argument(
        '--test-share',
        type=float,
        default=DEFAULT_TEST_SHARE,
        help='share of these images for test.txt, which no choice should '
        'depend on; 0: none (default: %(default)s)')
    order = parser.add_mutually_exclusive_group()
    order.add_argument(
        '--seed',
        type=int,
        default=0,
        help='seed of the draw of train, val and test (default: %(default)s)')
    order.add_argument(
        '--in-order',
        action='store_true',
        help='use the images in their order: the first for training, the next '
        'for validation, the last for the test')
    parser.add_argument(
        '--jpeg-quality',
        type=int,
        default=DEFAULT_JPEG_QUALITY,
        help='quality of scaled photographs, 1 to 100 (default: '
        '%(default)s)')
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    convert_ccp(args.source, args.out_dir, args.scale, args.val_share,
                args.test_share, None if args.in_order else args.seed,
                args.jpeg_quality)


if __name__ == '__main__':
    main()
