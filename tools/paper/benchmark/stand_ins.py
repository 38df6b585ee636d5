"""Stand-ins for data and a trained network when steps are timed."""
from pathlib import Path
from typing import Dict, List, Sequence, Tuple
from unittest import mock

import numpy as np
import torch
from loss import LABELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmseg_dcc.datasets.transforms.crop_geometry import feasible_offsets
from mmseg_dcc.models.terms import directional_contrast
from mmseg_dcc.structures import ViewInfo

CONFIGS = Path(__file__).parents[3] / 'configs'


def paper_network(side: int) -> Config:
    """Config of the DeepLabv3+ R-50 of configs/dcc: random weights, plain BN.
    """
    config = Config.fromfile(CONFIGS / '_base_/models/deeplabv3plus_r50.py')
    plain = dict(norm_cfg=dict(type='BN'))
    config.merge_from_dict(
        dict(
            model=dict(
                type='SemiEncoderDecoder',
                data_preprocessor=dict(
                    type='SemiSegDataPreProcessor', size=(side, side)),
                pretrained=None,
                backbone=plain,
                decode_head=plain)))
    return config


def confident_network():
    """Context in which DC gets the confidence and labels of a trained network.

    An untrained network is never confident. Confidences and labels are
    therefore drawn as in the benchmark of the loss: three eighths of the rows
    are active, 70 % of the labels are class 0. The classifier still runs, so
    that its time is included.
    """
    name = 'confidence_and_pseudo_label'
    classify = getattr(directional_contrast, name)

    def drawn(head, features):
        scores, labels = classify(head, features)
        return 1 - 0.5 * torch.rand_like(scores), draw_labels(labels.shape)

    return mock.patch.object(directional_contrast, name, drawn)


def draw_labels(shape: Sequence[int]) -> torch.Tensor:
    """Random labels with the background share of the first row of LABELS."""
    classes, background = LABELS[0]
    labels = torch.randint(1, classes, tuple(shape))
    labels[torch.rand(labels.shape) < background] = 0
    return labels


def make_batch(images: int,
               side: int,
               classes: int,
               windows: Dict[str, int],
               stride: int = 8) -> dict:
    """Random batch in the format of the data loader.

    Args:
        images (int): Number of labeled images, and of unlabeled images.
        side (int): Side of a crop in pixels.
        classes (int): Number of classes; ids in masks are below it.
        windows (dict[str, int]): Window that each view shows.
        stride (int): Stride of ``PairedRandomCrop``. Defaults to 8.

    Returns:
        dict: ``inputs`` and ``data_samples``. Window 1 is shifted against
        window 0. The shifts are taken at even steps from the list of possible
        ones, sorted by the area of the overlap. The last view is flipped.
    """
    shape = (side, side)
    samples = []
    for _ in range(images):
        mask = torch.randint(classes, (1, *shape))
        samples.append(
            dict(
                inputs=torch.randint(256, (3, *shape), dtype=torch.uint8),
                data_samples=SegDataSample(
                    gt_sem_seg=PixelData(data=mask),
                    metainfo=dict(img_shape=shape, ori_shape=shape))))
    for corners in _corners(images, side, stride):
        infos = {
            name: ViewInfo(
                (*corners[window], *np.add(corners[window], side).tolist()),
                (0, 0, *shape)) for name, window in windows.items()
        }
        last = [*windows][-1]
        infos[last] = infos[last].flipped('horizontal')
        masks = torch.randint(classes, (len(windows), *shape))
        samples.append(
            dict(
                inputs=torch.randint(
                    256, (len(windows), 3, *shape), dtype=torch.uint8),
                data_samples=SegDataSample(
                    weak_sem_seg=PixelData(data=masks),
                    metainfo=dict(views=infos))))
    return pseudo_collate(samples)


def labeled_part(batch: dict) -> dict:
    """Labeled images of a batch of :func:`make_batch`."""
    count = len(batch['inputs']) // 2
    return {key: values[:count] for key, values in batch.items()}


def _corners(images: int, side: int,
             stride: int) -> List[Tuple[Tuple[int, int], Tuple[int, int]]]:
    image_size = (side * 3 // 2, side * 2)
    offsets = sorted(
        feasible_offsets(image_size, (side, side), (0.1, 1.0),
                         stride).tolist(),
        key=lambda move: (side - abs(move[0])) * (side - abs(move[1])))
    chosen = offsets[len(offsets) // (2 * images)::len(offsets) // images]
    return [(tuple(max(-part, 0) for part in move),
             tuple(max(part, 0) for part in move))
            for move in chosen[:images]]
