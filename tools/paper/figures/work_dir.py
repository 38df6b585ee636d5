"""Work dirs written by mmengine, the input of all figures.

A work dir holds the config and the last checkpoint. Data paths are relative to
the working directory, as in the training.
"""
import argparse
import csv
import json
import os.path as osp
from pathlib import Path
from typing import List, Optional, Sequence, Tuple

import mmseg_dcc  # noqa: F401  isort: skip  (before mmseg)
import mmcv
import numpy as np
from matplotlib.figure import Figure
from mmengine.config import Config, DictAction
from mmengine.device import get_device
from mmengine.registry import init_default_scope
from mmseg.apis import init_model
from mmseg.registry import DATASETS
from torch import Tensor, nn

from mmseg_dcc.datasets.plain_datasets import plain_datasets


class WorkDir:
    """Work dir of a training that has ended or is still running.

    Args:
        path (Path): Path of the work dir.
        options (dict, optional): Overrides for its config. Defaults to None.

    Raises:
        SystemExit: If the folder does not hold exactly one config.
    """

    def __init__(self, path: Path, options: Optional[dict] = None) -> None:
        self.path = Path(path)
        configs = sorted(self.path.glob('*.py'))
        if len(configs) != 1:
            raise SystemExit(
                f'{path}: got {len(configs)} configs (*.py), expected the one '
                'that a training writes there. Give the work dir of one '
                'training, with its seed folder if it has one.')
        self.label = configs[0].stem
        self.config = Config.fromfile(configs[0])
        self.config.merge_from_dict(options or {})
        init_default_scope(self.config.get('default_scope', 'mmseg'))

    def checkpoint(self) -> Path:
        """Path of the last checkpoint, also after the work dir was moved."""
        named = self.path / 'last_checkpoint'
        if not named.is_file():
            raise SystemExit(f'{self.path} has no checkpoint yet: its '
                             'training has not written last_checkpoint.')
        return self.path / Path(named.read_text().strip()).name

    def model(self) -> nn.Module:
        """Trained model, ready to predict."""
        return init_model(
            self.config.copy(), str(self.checkpoint()), device=get_device())

    def test_set(self, pipeline: Optional[list] = None):
        """Data set that the training is tested on.

        Args:
            pipeline (list, optional): Pipeline instead of that of the config.
        """
        dataset = self.config.test_dataloader.dataset
        return DATASETS.build(
            dict(dataset, **({} if pipeline is None else
                             dict(pipeline=pipeline))))

    def pair_pipeline(self) -> Optional[list]:
        """Pipeline that cuts pairs of crops; None if there is none."""
        for dataset in plain_datasets(self.config.train_dataloader.dataset):
            if any(step.type == 'PairedRandomCrop'
                   for step in dataset.pipeline):
                return dataset.pipeline
        return None

    @property
    def unit_of_validations(self) -> str:
        """Unit of the steps of validation scores: epoch or iteration."""
        logger = self.config.default_hooks.get('logger', {})
        return ('epoch'
                if logger.get('log_metric_by_epoch', True) else 'iteration')

    def curve(self, key: str) -> Tuple[List[int], List[float]]:
        """Curve of a logged scalar, over all starts of the training.

        Args:
            key (str): Name of the scalar.

        Returns:
            tuple[list, list]: Steps, as logged, and values.

        Raises:
            SystemExit: If the log has no such scalar.
        """
        values: dict = {}
        for path in sorted(self.path.glob('*/vis_data/scalars.json')):
            lines = map(json.loads, path.read_text().splitlines())
            newer = {line['step']: line[key] for line in lines if key in line}
            # What a resumed training does again counts as it does it then.
            start = min(newer, default=float('inf'))
            values = {s: v for s, v in values.items() if s < start}
            values.update(newer)
        if not values:
            raise SystemExit(
                f'{self.path}/*/vis_data/scalars.json has no {key!r}.')
        return [*values], [*values.values()]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of :func:`read` and :func:`save`."""
    parser.add_argument(
        'work_dirs', nargs='+', type=Path, help='of trainings, in this order')
    parser.add_argument(
        '--labels', nargs='+', help='of the trainings in the figure')
    parser.add_argument('--out', type=Path, required=True, help='PNG to write')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        help='override values of all configs, as tools/train.py does')


def read(args: argparse.Namespace) -> List[WorkDir]:
    """Work dirs of the command line, each with a distinct label."""
    found = [WorkDir(path, args.cfg_options) for path in args.work_dirs]
    labels = args.labels or shortest_labels([w.label for w in found])
    if not args.labels and len(set(labels)) < len(found):
        labels = [str(work_dir.path) for work_dir in found]  # seeds, say
    if not len(found) == len(labels) == len(set(labels)):
        raise SystemExit(f'--labels: got {labels}, expected {len(found)} '
                         'different ones, one for each work dir.')
    for work_dir, label in zip(found, labels):
        work_dir.label = label
    return found


def shortest_labels(names: Sequence[str]) -> List[str]:
    """Names of configs without the words that all of them start with."""
    shared = osp.commonprefix(list(names)) if len(names) > 1 else ''
    return [name[shared.rfind('_') + 1:] for name in names]


def test_sets(work_dirs: Sequence[WorkDir]) -> tuple:
    """Test set of each training, and the paths of the images.

    Args:
        work_dirs (Sequence[WorkDir]): Work dirs of the trainings.

    Returns:
        tuple[list, list[str]]: Data sets, and image paths.

    Raises:
        SystemExit: If they do not have the same images.
    """
    datasets = [work_dir.test_set() for work_dir in work_dirs]
    paths = [[dataset.get_data_info(i)['img_path']
              for i in range(len(dataset))] for dataset in datasets]
    for work_dir, found in zip(work_dirs, paths):
        if found != paths[0]:
            raise SystemExit(
                f'{work_dir.path} is tested on other images than '
                f'{work_dirs[0].path}: {len(found)} from {found[0]} on and '
                f'{len(paths[0])} from {paths[0][0]} on. Compare trainings of '
                'one data set, or set test_dataloader.dataset with '
                '--cfg-options.')
    return datasets, paths[0]


def read_image(path: str) -> np.ndarray:
    """Image as it is shown, RGB, shape (h, w, 3)."""
    return mmcv.imread(path, channel_order='rgb')


def truth_of(item: dict) -> np.ndarray:
    """True labels of an item of a test set, shape (h, w)."""
    return item['data_samples'].gt_sem_seg.data[0].numpy()


def as_input(model: nn.Module, *images: Tensor) -> Tensor:
    """Input of the model for images of one size from a pipeline."""
    return model.data_preprocessor(dict(inputs=[*images]))['inputs']


def evenly_spaced(count: int, number: int) -> List[int]:
    """At most ``number`` indices below ``count``, not chosen by a result."""
    return np.unique(np.linspace(0, count - 1, number).astype(int)).tolist()


def write_curves(curves: dict, path: Path) -> None:
    """Writes curves in long form, one line per value.

    Args:
        curves (dict[str, tuple]): Steps and values by name.
        path (Path): CSV file.
    """
    with open(path, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['curve', 'step', 'value'])
        for name, curve in curves.items():
            writer.writerows([name, *point] for point in zip(*curve))


def save(figure: Figure, out: Path) -> None:
    """Writes the PNG; makes its folder, which also holds the data files."""
    out.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(out, dpi=100)
    print(out)
