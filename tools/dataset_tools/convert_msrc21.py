"""Converts MSRC-v2 to MSRC-21 in the layout of PASCAL VOC.

Example::

    python tools/dataset_tools/convert_msrc21.py \
        --source MSRC_ObjCategImageDatabase_v2 --out-dir data/msrc21

From ``Images/*_s.bmp`` and the colours of ``GroundTruth/*_s_GT.bmp`` it
writes ``JPEGImages``, ``SegmentationClass`` and
``ImageSets/Segmentation/{train,val,test}.txt`` for
:class:`mmseg_dcc.datasets.msrc21.MSRC21Dataset`. Void, horse and mountain
become 255. The same share of each scene, the first number of a name, is drawn
for validation and test.
"""
import argparse
from pathlib import Path
from typing import Optional, Sequence

from mmseg_dcc.apis.convert_msrc21 import (
    DEFAULT_TEST_SHARE,
    DEFAULT_VAL_SHARE,
    convert_msrc21,
)
from mmseg_dcc.utils.input_error import exit_on_input_error
from mmseg_dcc.utils.voc_files import DEFAULT_JPEG_QUALITY


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Convert MSRC-v2 to MSRC-21 in the layout of PASCAL VOC.')
    parser.add_argument(
        '--source',
        type=Path,
        required=True,
        help='folder that holds Images and GroundTruth')
    parser.add_argument(
        '--out-dir',
        type=Path,
        default=Path('data/msrc21'),
        help='data root to write (default: %(default)s)')
    parser.add_argument(
        '--val-share',
        type=float,
        default=DEFAULT_VAL_SHARE,
        help='share of each scene for val.txt (default: %(default)s)')
    parser.add_argument(
        '--test-share',
        type=float,
        default=DEFAULT_TEST_SHARE,
        help='share of each scene for test.txt, which no choice should depend '
        'on; 0: none (default: %(default)s)')
    parser.add_argument(
        '--seed',
        type=int,
        default=0,
        help='seed of the draw of train, val and test (default: %(default)s)')
    parser.add_argument(
        '--jpeg-quality',
        type=int,
        default=DEFAULT_JPEG_QUALITY,
        help='quality of the images, 1 to 100 (default: %(default)s)')
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    convert_msrc21(args.source, args.out_dir, args.val_share,
                   args.test_share, args.seed, args.jpeg_quality)


if __name__ == '__main__':
    main()
