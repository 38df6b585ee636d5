"""Weak masks from a classifier's class activation maps (Sec. 3.5)."""
import os.path as osp
from pathlib import Path
from typing import Sequence, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.runner import load_checkpoint
from mmengine.utils import track_iter_progress

from ..utils.atomic_file import written_atomically
from ..utils.input_error import InputError
from ..utils.mask_image import UNKNOWN, mask_image
from ..utils.result_names import require_unique_results


def mask_from_maps(maps: np.ndarray, ids: Sequence[int], background_id: int,
                   foreground: float, background: float) -> np.ndarray:
    """Mask of the class with the highest map, if it is high enough.

    If a class of the image is not found anywhere, no pixel becomes
    background.

    Args:
        maps (np.ndarray): One map per class, in [0, 1], shape (k, h, w).
        ids (Sequence[int]): Ids of these k classes in masks.
        background_id (int): Id of the background.
        foreground (float): Value from which on a pixel gets a class.
        background (float): Value below which a pixel is background.

    Returns:
        np.ndarray: uint8, shape (h, w).
    """
    if not len(maps):
        return np.full(maps.shape[1:], background_id, np.uint8)
    highest = maps.max(0)
    mask = np.array(ids, np.uint8)[maps.argmax(0)]
    mask[highest < foreground] = UNKNOWN
    if (maps.max((1, 2)) >= foreground).all():
        mask[highest < background] = background_id
    return mask


def class_activation_maps(cam, image: torch.Tensor, labels: Sequence[int],
                          scales: Sequence[float]) -> np.ndarray:
    """Class activation maps of one image, averaged over scales.

    Args:
        cam (BaseCAM): CAM of the package grad-cam.
        image (Tensor): Normalised image, shape (1, 3, h, w).
        labels (Sequence[int]): The k classes that the image shows.
        scales (Sequence[float]): Scales of the image.

    Returns:
        np.ndarray: Values in [0, 1], shape (k, h, w).
    """
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    size = image.shape[2:]
    if not labels:
        return np.zeros((0, *size), np.float32)
    targets = [ClassifierOutputTarget(label) for label in labels]
    total = torch.zeros(len(labels), *size)
    for scale in scales:
        resized = F.interpolate(image, scale_factor=scale, mode='bilinear')
        maps = torch.from_numpy(
            cam(resized.expand(len(labels), -1, -1, -1), targets))
        total += F.interpolate(maps[None], size, mode='bilinear')[0]
    # the map of a class that is not found is zero
    highest = total.amax((1, 2), keepdim=True).clamp(min=1e-7)
    return (total / highest).numpy()


def write_cam_masks(cfg: Config, checkpoint: str, out_dir: Path,
                    scales: Sequence[float], foreground: float,
                    background: float) -> Tuple[int, float, float]:
    """Writes masks of the images that a classifier is tested on.

    Args:
        cfg (Config): Config of a classifier of mmpretrain.
        checkpoint (str): Its checkpoint.
        out_dir (Path): Folder of the masks; made if needed.
        scales (Sequence[float]): Scales of the images.
        foreground (float): See :func:`mask_from_maps`.
        background (float): See :func:`mask_from_maps`.

    Returns:
        tuple[int, float, float]: Number of masks, share of background pixels,
        and share of unknown pixels.

    Raises:
        InputError: If a package is missing, the annotations lack the mask ids
            of the classes, or two images differ only in their suffix.
    """
    try:
        from mmpretrain.registry import DATASETS, MODELS
        from pytorch_grad_cam import GradCAM
    except ModuleNotFoundError as error:
        raise InputError(f'{error}. Class activation maps need two more '
                         'packages: pip install mmpretrain grad-cam') from None
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    if 'mask_ids' not in dataset.metainfo:
        raise InputError(
            f'{dataset.ann_file} lacks mask_ids, the ids of its classes in '
            'masks. Write it with make_image_labels.py.')
    # mmpretrain configs have it beside the model; their runner moves it
    if 'data_preprocessor' in cfg:
        cfg.model.setdefault('data_preprocessor', cfg.data_preprocessor)
    model = MODELS.build(cfg.model)
    load_checkpoint(model, checkpoint, map_location='cpu')
    model.to(get_device()).eval()
    counts = np.zeros(256, np.int64)
    background_id = dataset.metainfo['background_id']
    paths = [dataset.get_data_info(index)['img_path']
             for index in range(len(dataset))]
    mask_files = [
        (out_dir / osp.relpath(path, dataset.img_prefix)).with_suffix('.png')
        for path in paths
    ]
    require_unique_results(paths, [*map(str, mask_files)], 'mask')
    with GradCAM(model, [model.get_submodule(cfg.cam_layer)]) as cam:
        for index in track_iter_progress(range(len(dataset))):
            info = dataset.get_data_info(index)
            data = model.data_preprocessor(pseudo_collate([dataset[index]]))
            maps = class_activation_maps(cam, data['inputs'],
                                         info['gt_label'], scales)
            mask = mask_from_maps(
                maps, [dataset.metainfo['mask_ids'][i]
                       for i in info['gt_label']], background_id,
                foreground, background)
            with written_atomically(mask_files[index]) as temporary:
                mask_image(mask).save(temporary)
            counts += np.bincount(mask.ravel(), minlength=256)
    shares = counts / counts.sum()
    return len(dataset), shares[background_id], shares[UNKNOWN]
