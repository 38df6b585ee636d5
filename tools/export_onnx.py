"""Exports a trained model to ONNX and compares it with torch.

Input ``image``: float32, (N, 3, HEIGHT, WIDTH), values 0 to 255, channels as
OpenCV reads them (BGR). Channel order, mean and standard deviation of the
config are part of the graph, so that the runtime does not need them; resizing
is not. Output ``scores``: (N, classes, HEIGHT, WIDTH), of the whole image,
before softmax and argmax. N is free, HEIGHT and WIDTH are fixed. The class
names are in the metadata ``classes`` of the file.

Works with torch >= 2.6, whose exporter supports pooling to any size (PSPNet);
needs onnx, onnxscript and onnxruntime. mmdeploy is not used: its last release
(1.3.1, 2023) and current onnx need different versions of protobuf.

Example:
    python tools/export_onnx.py model.py model.pth --output model.onnx
"""
import quiet_start  # noqa: F401  isort: skip  (before all that warns)
import argparse

# before any mmseg import
from mmseg_dcc.apis.export_onnx import export, require_onnx
from mmseg_dcc.utils.command_line import add_verbose_argument
from mmseg_dcc.utils.input_error import exit_on_input_error

from mmseg.apis import init_model  # isort: skip

TOLERANCE = 1e-4


@exit_on_input_error
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_verbose_argument(parser)
    parser.add_argument('config', help='config of a training or published')
    parser.add_argument('checkpoint', help='checkpoint of the same model')
    parser.add_argument(
        '--output', default='model.onnx', help='file to write')
    parser.add_argument(
        '--shape',
        type=int,
        nargs=2,
        default=(512, 512),
        metavar=('HEIGHT', 'WIDTH'),
        help='size of the images (default: 512 512)')
    args = parser.parse_args()
    require_onnx()  # before the checkpoint is read
    segmentor = init_model(args.config, args.checkpoint, device='cpu')
    difference = export(segmentor, args.output, tuple(args.shape))
    if not difference < TOLERANCE:
        raise SystemExit(
            f'{args.output} differs from torch by {difference:.1e} of the '
            f'largest score, more than {TOLERANCE:.0e}. Do not use it: an '
            'operator of this network is not exported correctly.')
    print(f'{args.output}: differs from torch by {difference:.1e} of the '
          'largest score.')


if __name__ == '__main__':
    main()
