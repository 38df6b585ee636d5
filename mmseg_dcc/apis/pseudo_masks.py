"""Pseudo masks: the test config that makes a teacher write them."""
import json
from pathlib import Path
from typing import List, Sequence

import torch
from mmcv.transforms import LoadAnnotations, TestTimeAug
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, TRANSFORMS
from torch import Tensor

from ..datasets.plain_datasets import plain_datasets
from ..utils.atomic_file import written_atomically
from ..utils.configs import is_kind, last_head, under_another_name
from ..utils.input_error import InputError
from .publish import stock_model

MARKER = 'pseudo_masks.json'


def labeling_config(cfg: Config,
                    checkpoints: Sequence[str],
                    confidence_threshold: float,
                    tta: bool = False,
                    adjustment_power: float = 0.) -> Config:
    """Test config that makes teachers predict the masks of a data set.

    Args:
        cfg (Config): Config of the student. The last data set of its training
            that loads masks is the one to be labeled.
        checkpoints (Sequence[str]): Checkpoints of the teachers.
        confidence_threshold (float): See :class:`PseudoMaskWriter`.
        tta (bool): Whether to use test-time augmentation. Defaults to False.
        adjustment_power (float): See :func:`adjustments`. Defaults to 0.

    Returns:
        Config: New config for mmengine's runner.

    Raises:
        InputError: If the config has only one data set with masks, or if
            ``tta`` is set and the config has no ``tta_pipeline``.
    """
    # names instead of the classes of a config in pure Python, which neither
    # merge with what is set here nor can be written
    cfg = Config(cfg.to_dict(), filename=cfg.filename)
    sources = [
        source for source in plain_datasets(cfg.train_dataloader.dataset)
        if mask_loading_of(source)
    ]
    if len(sources) < 2 or not sources[-1].get('data_prefix', {}).get(
            'seg_map_path'):
        raise InputError(
            f'{cfg.filename} trains on {len(sources)} data set(s) with masks. '
            'Give the config of the student: its train_dataloader.dataset.'
            'datasets are the labeled images and the images to be labeled, '
            'with data_prefix.seg_map_path as the folder for their masks.')
    pipeline = cfg.test_dataloader.dataset.pipeline
    adjustment = None
    if adjustment_power:
        # one channel says foreground or background
        num_classes = max(last_head(cfg.model).num_classes, 2)
        adjustment = adjustments(
            class_shares(sources[:-1], num_classes), adjustment_power)
    cfg.model = dict(
        type='Teachers',
        # the teacher may have learned by another method
        network=stock_model(cfg.model.to_dict()),
        checkpoints=list(checkpoints),
        adjustment=adjustment)
    if tta:
        pipeline = cfg.get('tta_pipeline')
        if not pipeline:
            raise InputError('--tta needs a tta_pipeline in the config; that '
                             'of configs/_base_/evaluation.py is an example.')
        cfg.model = dict(type='MeanScoresTTAModel', module=cfg.model)
    dataset = dict(
        sources[-1], test_mode=True, pipeline=without_annotations(pipeline))
    cfg.test_dataloader = dict(cfg.test_dataloader, dataset=dataset)
    cfg.test_evaluator = dict(
        type='PseudoMaskWriter', confidence_threshold=confidence_threshold)
    return under_another_name(cfg, 'labeling_')


def mask_loading_of(source: dict) -> list:
    """Pipeline steps of a data set that load masks; [] if it is unlabeled."""
    return [
        step for step in source['pipeline']
        if is_kind(step, LoadAnnotations, TRANSFORMS)
    ]


def without_annotations(pipeline: list) -> list:
    """Test pipeline without the steps that load a mask.

    Args:
        pipeline (list[dict]): Pipeline of the config, perhaps with
            ``TestTimeAug``.

    Returns:
        list[dict]: New list; the pipeline given is not changed.
    """
    kept = []
    for step in pipeline:
        if is_kind(step, LoadAnnotations, TRANSFORMS):
            continue
        if is_kind(step, TestTimeAug, TRANSFORMS):
            choices = map(without_annotations, step['transforms'])
            step = dict(step, transforms=[steps for steps in choices if steps])
        kept.append(step)
    return kept


def class_shares(sources: Sequence[dict], num_classes: int) -> Tensor:
    """Share of each class among the labeled pixels.

    Args:
        sources (Sequence[dict]): Configs of the labeled data sets.
        num_classes (int): Number of classes.

    Returns:
        Tensor: Shape (classes, ).

    Raises:
        InputError: If no pixel has a label.
    """
    counts = torch.zeros(num_classes, dtype=torch.long)
    init_default_scope('mmseg')
    for source in sources:
        load = mask_loading_of(source)
        for sample in DATASETS.build(dict(source, pipeline=load)):
            mask = torch.from_numpy(sample['gt_seg_map']).long()
            counts += mask[mask < num_classes].bincount(minlength=num_classes)
    if not counts.any():
        raise InputError(
            '--logit-adjustment: the labeled data sets of the config have no '
            'pixel of any class.')
    return counts / counts.sum()


def adjustments(shares: Tensor, power: float) -> List[float]:
    """Logit adjustments that are added to the scores: -power * log(share).

    Logit adjustment after training, Menon et al., "Long-tail learning via
    logit adjustment", ICLR 2021, Eq. 9. The adjustment of a class without any
    labeled pixel is 0, since the network has not learned it.

    Args:
        shares (Tensor): See :func:`class_shares`.
        power (float): Strength of the adjustment. 0: none; 1: as if all
            classes were equally frequent.

    Returns:
        list[float]: Adjustment of each class.
    """
    return (-power * shares.where(shares > 0, shares.new_ones(())).log()
            ).tolist()


def claim_folder(folder: Path, origin: dict) -> None:
    """Marks a folder as one of pseudo masks.

    Args:
        folder (Path): Folder for the masks.
        origin (dict): Origin of the masks, written to the marker file.

    Raises:
        InputError: If the folder holds files but no marker of an earlier run.
    """
    marker = folder / MARKER
    if folder.is_dir() and any(folder.iterdir()) and not marker.exists():
        raise InputError(
            f'{folder} holds files that this tool did not write. Masks drawn '
            'by hand must not be overwritten: choose another data_prefix.'
            'seg_map_path, or remove the folder.')
    with written_atomically(marker) as path:
        path.write_text(json.dumps(origin, indent=2))
