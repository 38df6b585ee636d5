"""Makes weak masks from a classifier's class activation maps (Sec. 3.5).

Uses the labeled images of the classifier's ``test_dataloader``, listed by
make_image_labels.py. Needs mmpretrain and the package grad-cam.

Example::

    python tools/dataset_tools/make_cam_masks.py CLASSIFIER_CONFIG \
        work_dirs/classifier/epoch_5.pth --out-dir data/.../SegmentationWeak

The map of a class is Grad-CAM at ``cam_layer`` of the config, which equals the
CAM of Zhou et al. (CVPR 2016) if pooling and a linear layer follow. Only maps
of the classes in the labels of an image are used, each scaled to a maximum of
1. A pixel gets the class with the highest map if that is at least
``--foreground``, becomes background if all maps are below ``--background``,
and is unknown (255) otherwise. If the classifier does not find one of the
classes anywhere, no pixel becomes background. Scales and thresholds are those
of the code published with CCT (after IRNet, Ahn et al., CVPR 2019); that code
also refines the masks with a CRF, which is left out here.
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse
from pathlib import Path
from typing import Optional, Sequence

from mmseg_dcc.apis.cam_masks import write_cam_masks
from mmseg_dcc.utils.command_line import add_config_arguments, load_config
from mmseg_dcc.utils.input_error import exit_on_input_error


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='checkpoint of the classifier')
    parser.add_argument('--out-dir', type=Path, required=True)
    parser.add_argument(
        '--scales',
        type=float,
        nargs='+',
        default=[1.0, 0.5, 1.5, 2.0],
        help='scales of the images (default: 1 0.5 1.5 2)')
    parser.add_argument(
        '--foreground',
        type=float,
        default=0.30,
        help='value from which on a pixel gets a class (default: %(default)s)')
    parser.add_argument(
        '--background',
        type=float,
        default=0.05,
        help='value below which a pixel is background (default: %(default)s)')
    args = parser.parse_args(argv)
    if not 0 < args.background <= args.foreground <= 1:
        parser.error('needs 0 < --background <= --foreground <= 1, got '
                     f'{args.background} and {args.foreground}')
    return args


@exit_on_input_error
def main(argv: Optional[Sequence[str]] = None) -> None:
    args = parse_args(argv)
    masks, background, unknown = write_cam_masks(
        load_config(args), args.checkpoint, args.out_dir, args.scales,
        args.foreground, args.background)
    print(f'\n{args.out_dir}: {masks} masks, {background:.0%} background, '
          f'{unknown:.0%} unknown')


if __name__ == '__main__':
    main()
