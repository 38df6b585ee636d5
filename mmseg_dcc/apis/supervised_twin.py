"""The supervised training that a semi-supervised one is compared with."""
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

_HOOKS_OF_TERMS = (ConfidenceHistogramHook, MeanTeacherHook,
                   PairVisualizationHook, PseudoLabelGateHook,
                   SupervisedWarmupHook)


def supervised_twin(cfg: Config) -> Config:
    """A config that trains the same network on the labeled images alone.

    As many labeled images a step, augmented and drawn in the same way, by
    the same optimizer and schedule. There are no terms, and nothing that
    serves them.

    Args:
        cfg (Config): With ``MultiSourceBatchSampler``; is not changed.

    Returns:
        Config: The new one.
    """
    cfg = copy.deepcopy(cfg)
    cfg.model = stock_segmentor(cfg.model)
    cfg.custom_hooks = [
        hook for hook in cfg.get('custom_hooks') or []
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


def is_unlabeled(source: dict) -> bool:
    """Whether a source of a training consists of unlabeled images.

    Args:
        source (dict): Config of a data set, wrapped or not.
    """
    return all(
        is_kind(plain, UnlabeledDataset, DATASETS)
        for plain in plain_configs(source))


def with_half_the_labels(cfg: Config) -> Config:
    """A config that trains on half of each labeled data set.

    The half is drawn by the names of the images: always the same one.

    Args:
        cfg (Config): Of :func:`supervised_twin`; is not changed.

    Returns:
        Config: The new one.
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
