"""Makes weak masks from a classifier's class activation maps (Sec. 3.5).

Takes the labeled images of the classifier's ``test_dataloader``, as
make_image_labels.py lists them. Needs mmpretrain and the package grad-cam.

Example::

    python tools/dataset_tools/make_cam_masks.py CLASSIFIER_CONFIG \
        work_dirs/classifier/epoch_5.pth --out-dir data/.../SegmentationWeak

The map of a class is Grad-CAM at ``cam_layer`` of the config, which is the CAM
of Zhou et al. (CVPR 2016) where pooling and a linear layer follow. Only maps
of the classes that an image is labeled with count, each between 0 and 1 (its
maximum). A pixel is of the class with the highest map if that is at least
``--foreground``, background if all are below ``--background``, else unknown
(255). Where the classifier does not find one of the classes at all, nothing is
called background. Scales and thresholds are those of the code that CCT
published (after IRNet, Ahn et al., CVPR 2019); it also refines the masks with
a CRF, which is left out here.
"""
import argparse
import os.path as osp
from pathlib import Path
from typing import Optional, Sequence

# Imports mmseg_dcc, which must come before mmseg.
from config_datasets import add_config_arguments, load_config  # isort: skip
import numpy as np
import torch
import torch.nn.functional as F
from list_files import InputError, exit_on_input_error, written_atomically
from mask_image import UNKNOWN, mask_image
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.runner import load_checkpoint
from mmengine.utils import track_iter_progress


def mask_from_maps(maps: np.ndarray, ids: Sequence[int], background_id: int,
                   foreground: float, background: float) -> np.ndarray:
    """Decides on each pixel, see the top of this file.

    Args:
        maps (np.ndarray): One map a class, in [0, 1], shape (k, h, w).
        ids (Sequence[int]): Ids of these k classes in masks.
        background_id (int): Id of the background.
        foreground (float): Least value of a class.
        background (float): Above the values of the background.

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
    """Maps of the classes of one image, the mean over scales.

    Args:
        cam (BaseCAM): Of the package grad-cam.
        image (Tensor): Normalised, shape (1, 3, h, w).
        labels (Sequence[int]): The k classes that it shows.
        scales (Sequence[float]): Of the image.

    Returns:
        np.ndarray: In [0, 1], shape (k, h, w).
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


def parse_args(argv: Optional[Sequence[str]] = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument('checkpoint', help='of the classifier')
    parser.add_argument('--out-dir', type=Path, required=True)
    parser.add_argument(
        '--scales',
        type=float,
        nargs='+',
        default=[1.0, 0.5, 1.5, 2.0],
        help='of the images (default: 1 0.5 1.5 2)')
    parser.add_argument(
        '--foreground',
        type=float,
        default=0.30,
        help='least value of a class (default: %(default)s)')
    parser.add_argument(
        '--background',
        type=float,
        default=0.05,
        help='above the values of the background (default: %(default)s)')
    args = parser.parse_args(argv)
    if not 0 < args.background <= args.foreground <= 1:
        parser.error('needs 0 < --background <= --foreground <= 1, got '
                     f'{args.background} and {args.foreground}')
    return args


@exit_on_input_error
def main(argv: Optional[Sequence[str]] = None) -> None:
    """Runs the command.

    Args:
        argv (Sequence[str], optional): Arguments. Defaults to None, which
            stands for those of the process.

    Raises:
        SystemExit: With one sentence, if an input is wrong or missing.
    """
    args = parse_args(argv)
    try:
        from mmpretrain.registry import DATASETS, MODELS
        from pytorch_grad_cam import GradCAM
    except ModuleNotFoundError as error:
        raise InputError(f'{error}. Class activation maps need two more '
                         'packages: pip install mmpretrain grad-cam') from None
    cfg = load_config(args.config, args.cfg_options)
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    if 'mask_ids' not in dataset.metainfo:
        raise InputError(
            f'{dataset.ann_file} does not say which ids its classes have in '
            'masks. Write it with make_image_labels.py.')
    # Configs of mmpretrain have it beside the model; the Runner moves it.
    if 'data_preprocessor' in cfg:
        cfg.model.setdefault('data_preprocessor', cfg.data_preprocessor)
    model = MODELS.build(cfg.model)
    load_checkpoint(model, args.checkpoint, map_location='cpu')
    model.to(get_device()).eval()
    counts = np.zeros(256, np.int64)
    background_id = dataset.metainfo['background_id']
    with GradCAM(model, [model.get_submodule(cfg.cam_layer)]) as cam:
        for index in track_iter_progress(range(len(dataset))):
            info = dataset.get_data_info(index)
            data = model.data_preprocessor(pseudo_collate([dataset[index]]))
            maps = class_activation_maps(cam, data['inputs'],
                                         info['gt_label'], args.scales)
            mask = mask_from_maps(
                maps, [dataset.metainfo['mask_ids'][i]
                       for i in info['gt_label']], background_id,
                args.foreground, args.background)
            name = Path(osp.relpath(info['img_path'], dataset.img_prefix))
            mask_file = args.out_dir / name.with_suffix('.png')
            with written_atomically(mask_file) as temporary:
                mask_image(mask).save(temporary)
            counts += np.bincount(mask.ravel(), minlength=256)
    shares = counts / counts.sum()
    print(f'\n{args.out_dir}: {len(dataset)} masks, '
          f'{shares[background_id]:.0%} background, '
          f'{shares[UNKNOWN]:.0%} unknown')


if __name__ == '__main__':
    main()
