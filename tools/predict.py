"""Predicts all images of a folder: coloured masks, overlays, class shares.

Takes the config and checkpoint of a training or a published model. The config
can be left out if it is in the checkpoint (as trainings write it) or beside it
(model.py beside model.pth).

Example:
    python tools/predict.py work_dirs/mine/mine.py \
        work_dirs/mine/iter_4000.pth photos --out predictions
    # predictions/masks/*.png      class ids, shown in colours
    # predictions/overlays/*.jpg   the image under these colours
    # predictions/class_shares.csv share of each class in an image, in percent
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
from pathlib import Path

from mmengine.config import DictAction
from mmengine.device import get_device

from mmseg_dcc.apis.predict import (
    TABLE,
    Predictor,
    config_for,
    predict_folder,
    read_checkpoint,
)
from mmseg_dcc.utils.command_line import add_verbose_argument
from mmseg_dcc.utils.input_error import exit_on_input_error, shorten
from mmseg_dcc.utils.text_files import printable


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_verbose_argument(parser)
    parser.add_argument(
        'config', nargs='?', help='config file; see above when to omit it')
    parser.add_argument(
        'checkpoint', help='checkpoint of a training or a published model')
    parser.add_argument(
        'folder', type=Path, help='folder of images (any depth), or one image')
    parser.add_argument(
        '--out', type=Path, required=True, help='folder for the results')
    parser.add_argument(
        '--device', help='device such as cpu or cuda:1 (default: a GPU if '
        'there is one)')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        help='override config values: key=value key.inner=value')
    return parser.parse_args()


@exit_on_input_error
def main() -> None:
    args = parse_args()
    checkpoint = read_checkpoint(args.checkpoint)
    cfg = config_for(
        args.config, checkpoint, args.checkpoint, args.cfg_options)
    predictor = Predictor(
        cfg, checkpoint, args.checkpoint, args.device or get_device())
    report = predict_folder(predictor, args.folder, args.out)
    print(report.table)
    if report.unreadable:
        names = [printable(name) for name in report.unreadable]
        print(f'{len(names)} images could not be read: {shorten(names)}')
    print(f'{report.predicted} images: {args.out}/masks, {args.out}/overlays, '
          f'{args.out / TABLE}')


if __name__ == '__main__':
    main()
