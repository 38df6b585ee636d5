"""The data sets of a config, one by one and without their wrappers."""
import argparse
from typing import Iterator, List

import mmseg_dcc  # noqa: F401  isort: skip  (before mmseg)
from mmengine.config import Config, ConfigDict, DictAction
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what :func:`load_config` takes."""
    parser.add_argument('config', help='config file of a training')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        help='override config values, as tools/train.py does')


def load_config(path: str, options: dict) -> Config:
    """Reads a config and makes its scope the default.

    Args:
        path (str): Config file.
        options (dict): What ``--cfg-options`` overrides.

    Returns:
        Config: The config.
    """
    cfg = Config.fromfile(path)
    cfg.merge_from_dict(options)
    init_default_scope(cfg.get('default_scope', 'mmseg'))
    return cfg


def plain_datasets(dataset: ConfigDict) -> Iterator[ConfigDict]:
    """Configs of the data sets inside ``ConcatDataset`` and other wrappers.

    Args:
        dataset (ConfigDict): Such as ``cfg.train_dataloader.dataset``.

    Yields:
        ConfigDict: Config of a data set that wraps no other.
    """
    if 'datasets' in dataset:
        for part in dataset.datasets:
            yield from plain_datasets(part)
    elif 'dataset' in dataset:
        yield from plain_datasets(dataset.dataset)
    else:
        yield dataset


def build_lazily(dataset: ConfigDict):
    """Builds a data set that has not looked for its images yet."""
    return DATASETS.build(dict(dataset, lazy_init=True))


def unlabeled_datasets(cfg: Config) -> List:
    """Data sets of the training whose pipeline cuts pairs of crops."""
    # Built only then: the labeled images need not be there.
    return [
        DATASETS.build(dataset)
        for dataset in plain_datasets(cfg.train_dataloader.dataset)
        if any(step['type'] == 'PairedRandomCrop' for step in dataset.pipeline)
    ]
