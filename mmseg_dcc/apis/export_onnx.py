"""Exports a trained model to ONNX and compares it with torch.

Input ``image``: float32, (N, 3, HEIGHT, WIDTH), values 0 to 255, channels as
OpenCV reads them (BGR). Channel order, mean and standard deviation of the
config are part of the graph, so that nothing has to be repeated where it
runs; resizing is not. Output ``scores``: (N, classes, HEIGHT, WIDTH), of the
whole image, before softmax and argmax. N is free, HEIGHT and WIDTH are fixed.
The names of the classes are in the metadata ``classes`` of the file.

Works with torch >= 2.6, whose exporter takes pooling to any size (PSPNet);
needs onnx, onnxscript and onnxruntime. mmdeploy is not used: its last release
(1.3.1, 2023) and today's onnx exclude each other's protobuf.

Example:
    python tools/export_onnx.py model.py model.pth --output model.onnx
"""
import argparse
import json

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

import mmseg_dcc  # noqa: F401  isort: skip (before any mmseg import)
from mmseg.apis import init_model

TOLERANCE = 1e-4


class ScoreMap(nn.Module):
    """A segmentor from images as read to scores of their size.

    Args:
        segmentor (nn.Module): An ``EncoderDecoder`` of mmseg.
    """

    def __init__(self, segmentor: nn.Module) -> None:
        super().__init__()
        self.segmentor = segmentor

    def forward(self, image: Tensor) -> Tensor:
        """Scores of each class, shape (N, classes, H, W)."""
        preprocessor = self.segmentor.data_preprocessor
        metainfo = [dict(img_shape=tuple(image.shape[2:]))]
        if preprocessor.channel_conversion:
            image = image.flip(1)
        if hasattr(preprocessor, 'mean'):
            image = (image - preprocessor.mean) / preprocessor.std
        return self.segmentor.encode_decode(image, metainfo)


def export(segmentor: nn.Module, path: str, shape: tuple) -> float:
    """Writes a segmentor to a file and measures how well it is met.

    Args:
        segmentor (nn.Module): An ``EncoderDecoder`` of mmseg, on the CPU.
        path (str): File to write.
        shape (tuple[int]): Height and width.

    Returns:
        float: Largest difference between ONNX Runtime and torch on noise, in
        units of the largest score.
    """
    model = ScoreMap(segmentor).eval()
    # 2 to trace and 3 to compare: a fixed batch size would not pass
    traced, image = (255 * torch.rand(n, 3, *shape) for n in (2, 3))
    program = torch.onnx.export(
        model, (traced, ),
        input_names=['image'],
        output_names=['scores'],
        dynamic_shapes=({
            0: torch.export.Dim('batch')
        }, ),
        dynamo=True,
        verbose=False)
    program.model.metadata_props['classes'] = json.dumps(
        segmentor.dataset_meta['classes'])
    program.save(path)
    session = onnxruntime.InferenceSession(
        path, providers=['CPUExecutionProvider'])
    scores, = session.run(['scores'], dict(image=image.numpy()))
    with torch.no_grad():
        expected = model(image).numpy()
    return float(np.abs(scores - expected).max() / np.abs(expected).max())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config, published or not')
    parser.add_argument('checkpoint', help='its checkpoint')
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
    segmentor = init_model(args.config, args.checkpoint, device='cpu')
    difference = export(segmentor, args.output, tuple(args.shape))
    if not difference < TOLERANCE:
        raise SystemExit(
            f'{args.output} differs from torch by {difference:.1e} of the '
            f'largest score, more than {TOLERANCE:.0e}. Do not use it; some '
            'operator of this network is exported wrongly.')
    print(f'{args.output}: differs from torch by {difference:.1e} of the '
          'largest score.')


if __name__ == '__main__':
    main()
