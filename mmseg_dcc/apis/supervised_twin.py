"""Supervised training that a semi-supervised one is compared with."""
import copy

from mmengine.config import Config
from mmseg.registry import DATASETS, HOOKS

from ..datasets import UnlabeledDataset
from ..engine.hooks import (
    ConfidenceHistogramHook,
    MeanTeacherHook,
    PairVisualizationHook,
    PseudoLabelGateHook,
    SupervisedWarmupHook,
)
from ..utils.configs import is_kind, is_part_of_dataset, plain_configs
from .publish import stock_segmentor

_HOOKS_OF_TERMS = (ConfidenceHistogramHook, PairVisualizationHook,
                   PseudoLabelGateHook, SupervisedWarmupHook)


def supervised_twin(cfg: Config) -> Config:
    """Config that trains the same network on the labeled images only.

    Each step has as many labeled images, augmented and drawn in the same way,
    with the same optimizer and schedule. Terms and everything that they need
    are removed. A mean teacher becomes an average of the weights with the same
    momentum: averaged weights alone are often better than the last ones, and
    the gain of a method should not include that.

    Args:
        cfg (Config): Config with ``MultiSourceBatchSampler``; not changed.

    Returns:
        Config: New config.
    """
    cfg = copy.deepcopy(cfg)
    cfg.model = stock_segmentor(cfg.model)
    cfg.custom_hooks = [
        _average_of(hook) if is_kind(hook, MeanTeacherHook, HOOKS) else hook
        for hook in cfg.get('custom_hooks') or []
        if not any(is_kind(hook, kind, HOOKS) for kind in _HOOKS_OF_TERMS)
    ]
    wrapper = cfg.optim_wrapper
    if wrapper.pop('parts', None):
        wrapper.pop('constructor')
        base = wrapper.pop('base_constructor', None)
        if base:
            wrapper.constructor = base
    loader = cfg.train_dataloader
    ratio = loader.batch_sampler.get('source_ratio', (1, 1))
    labeled = [
        (source, share)
        for source, share in zip(loader.dataset.datasets, ratio)
        if not is_unlabeled(source)
    ]
    shares = [share for _, share in labeled]
    loader.batch_size = loader.batch_size // sum(ratio) * sum(shares)
    loader.batch_sampler.source_ratio = shares
    loader.dataset.datasets = [source for source, _ in labeled]
    return cfg


def _average_of(teacher: dict) -> dict:
    # defaults of MeanTeacherHook, which differ from those of EMAHook
    defaults = dict(momentum=0.001, update_buffers=True)
    return {**defaults, **teacher, 'type': 'EMAHook'}


def is_unlabeled(source: dict) -> bool:
    """Whether a source of a training consists of unlabeled images.

    Args:
        source (dict): Config of a data set, wrapped or not.
    """
    return all(
        is_kind(plain, UnlabeledDataset, DATASETS)
        for plain in plain_configs(source))


def half_labels_config(cfg: Config) -> Config:
    """Config that trains on half of each labeled data set.

    The half is selected by the image names, so it is always the same.

    Args:
        cfg (Config): Result of :func:`supervised_twin`; not changed.

    Returns:
        Config: New config.
    """
    cfg = copy.deepcopy(cfg)
    cfg.train_dataloader.dataset = _halved(cfg.train_dataloader.dataset)
    return cfg


def _halved(dataset: dict) -> dict:
    if not is_part_of_dataset(dataset):
        if 'datasets' in dataset:
            inner = [_halved(part) for part in dataset['datasets']]
            return dict(dataset, datasets=inner)
        if 'dataset' in dataset:
            return dict(dataset, dataset=_halved(dataset['dataset']))
    return dict(
        type='PartOfDataset', part='train', val_share=0.5, dataset=dataset)
