"""ONNX export of a trained segmentor, compared with torch."""
import json
from importlib.util import find_spec

import numpy as np
import torch
from torch import Tensor, nn

from ..utils.input_error import InputError

NEEDED = ('onnx', 'onnxscript', 'onnxruntime')


def require_onnx() -> None:
    """Raises if a package of the extra ``onnx`` is not installed.

    Raises:
        InputError: If any is missing; names them.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise InputError(
            f'The export to ONNX needs {", ".join(missing)}, which is not '
            f'installed: pip install {" ".join(missing)} (or install this '
            'package with its extra onnx).')


class ScoreMap(nn.Module):
    """Segmentor that maps images as read to score maps of the same size.

    Args:
        segmentor (nn.Module): ``EncoderDecoder`` of mmseg.
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
    """Exports a segmentor to ONNX and compares the results with torch.

    Args:
        segmentor (nn.Module): ``EncoderDecoder`` of mmseg, on the CPU.
        path (str): File to write.
        shape (tuple[int]): Height and width.

    Returns:
        float: Largest difference between ONNX Runtime and torch on noise,
        relative to the largest score.

    Raises:
        InputError: See :func:`require_onnx`.
    """
    require_onnx()
    import onnxruntime  # of the extra onnx
    model = ScoreMap(segmentor).eval()
    # 2 to trace and 3 to compare, which fails with a fixed batch size
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
