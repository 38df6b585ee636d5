"""Comparison of trainings: gains of more labels and of unlabeled images.

Each of the four trainings runs in its own process and folder.
"""
import json
import os
import subprocess
import sys
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

from mmengine.config import Config
from mmseg.registry import DATASETS, MODELS

from ..engine.hooks.cost_hook import COST
from ..models import SemiEncoderDecoder
from ..utils.atomic_file import written_atomically
from ..utils.command_line import add_hook
from ..utils.configs import is_kind
from ..utils.input_error import InputError
from ..utils.scalars import Scalars
from .schedule_length import total_iterations, with_length
from .supervised_twin import (
    half_labels_config,
    is_unlabeled,
    supervised_twin,
)

HALF, ALL = 'supervised_half', 'supervised'
EQUAL_COST, METHOD = 'supervised_equal_cost', 'method'
SHARE = 4  # the default is a quarter of the schedule of the config
_END_OF_LOG = 20  # lines shown of the log of a failed training


class Run(NamedTuple):
    """One of the trainings.

    Args:
        kind (str): :data:`HALF`, :data:`ALL`, :data:`EQUAL_COST` or
            :data:`METHOD`.
        seed (int): Seed of sampler, augmentation and weights.
        folder (Path): Its work dir.
        config (Config): Its whole config.
        text (str): Text of its config file.
    """
    kind: str
    seed: int
    folder: Path
    config: Config
    text: str

    @property
    def name(self) -> str:
        return f'{self.kind}, seed {self.seed}'


def default_iterations(cfg: Config) -> int:
    """Default length: a quarter of the schedule of a config."""
    return max(total_iterations(cfg) // SHARE, 1)


def check_config(cfg: Config) -> None:
    """Raises if a config is not suitable for the comparison.

    Args:
        cfg (Config): Config of a training.

    Raises:
        InputError: If it is not a training with terms on labeled and
            unlabeled images, or has no validation.
    """
    sources = cfg.train_dataloader.dataset.get('datasets') or []
    unlabeled = [is_unlabeled(source) for source in sources]
    if not is_kind(cfg.model, SemiEncoderDecoder,
                   MODELS) or not any(unlabeled) or all(unlabeled):
        raise InputError(
            f'{cfg.filename} trains a {cfg.model.type} on {len(sources)} data '
            f'sets, {sum(unlabeled)} of them unlabeled; expected a method '
            'that uses labeled and unlabeled images. In a copy of '
            "configs/custom/own_data.py, set a method instead of "
            "method='supervised'.")
    if not cfg.get('val_dataloader') or not cfg.get('val_evaluator'):
        raise InputError(
            f'{cfg.filename} needs val_dataloader and val_evaluator to '
            'compare the trainings.')


def runs_of(cfg: Config, iterations: int, seeds: Sequence[int],
            folder: Path) -> List[Run]:
    """Trainings that do not depend on the result of another.

    Args:
        cfg (Config): Config of a method.
        iterations (int): Iterations of each training.
        seeds (Sequence[int]): Seeds of each kind of training.
        folder (Path): Folder of their work dirs.

    Returns:
        list[Run]: Trainings; the method, which takes longest, comes first.
    """
    method = with_length(cfg, iterations)
    twin = supervised_twin(method)
    kinds = {METHOD: method, ALL: twin, HALF: half_labels_config(twin)}
    return [
        _run(kind, seed, config, folder) for kind, config in kinds.items()
        for seed in seeds
    ]


def runs_of_equal_cost(cfg: Config, iterations: int, results: Dict[str,
                                                                   List[dict]],
                       seeds: Sequence[int], folder: Path) -> List[Run]:
    """Supervised trainings with as many network passes as the method.

    Args:
        cfg (Config): Config of the method.
        iterations (int): Iterations of the method.
        results (dict[str, list[dict]]): Results of the other trainings, by
            kind.
        seeds (Sequence[int]): Seeds of the trainings.
        folder (Path): Folder of their work dirs.

    Returns:
        list[Run]: One training per seed.
    """
    method, supervised = (results[kind][0] for kind in (METHOD, ALL))
    length = round(iterations * method['image_passes'] /
                   supervised['image_passes'])
    twin = with_length(
        supervised_twin(with_length(cfg, iterations)), length)
    return [_run(EQUAL_COST, seed, twin, folder) for seed in seeds]


def _run(kind: str, seed: int, config: Config, folder: Path) -> Run:
    config = Config(config.to_dict())
    for key in ('work_dir', 'resume'):
        config.pop(key, None)
    config.randomness = dict(config.get('randomness') or {}, seed=seed)
    add_hook(config, dict(type='CostHook'))
    return Run(kind, seed, folder / kind / f'seed_{seed}', config,
               config.pretty_text)


def result_of(run: Run) -> Optional[dict]:
    """Result of a finished training.

    Args:
        run (Run): The training.

    Returns:
        dict: mIoU (%), minutes, iterations and image_passes; None if the
        training is not finished.

    Raises:
        InputError: If the folder has a training of another config, or its
            validation has no mIoU.
    """
    path = _config_file(run)
    if path.exists() and path.read_text() != run.text:
        raise InputError(
            f'{run.folder} has a training with another config or other '
            f'options, see {path}. Choose another --out, or remove '
            f'{path.parent}.')
    cost = run.folder / COST
    if not cost.exists():
        return None
    spent = json.loads(cost.read_text())
    scalars = Scalars(run.folder)
    scalars.update()
    scores = scalars.validation.get('mIoU')
    if not scores:
        raise InputError(
            f'{run.folder}: the training has ended, but its log has no mIoU. '
            "val_evaluator needs dict(type='IoUMetric', "
            "iou_metrics=['mIoU']).")
    return dict(
        mIoU=scores[max(scores)],
        minutes=spent['seconds'] / 60,
        iterations=spent['iterations'],
        image_passes=spent['image_passes'])


def _config_file(run: Run) -> Path:
    return run.folder.parent / f'{run.kind}_seed_{run.seed}.py'


def make(runs: Sequence[Run], jobs: int, tool: Path) -> Dict[str, List[dict]]:
    """Runs the trainings without a result, or resumes interrupted ones.

    Args:
        runs (Sequence[Run]): Trainings, in the order in which they start.
        jobs (int): Number of trainings that run in parallel.
        tool (Path): ``tools/train.py``.

    Returns:
        dict[str, list[dict]]: Results by kind, see :func:`result_of`.

    Raises:
        InputError: If a training fails; the others are terminated.
    """
    waiting = [run for run in runs if result_of(run) is None]
    processes: List[subprocess.Popen] = []
    with ThreadPoolExecutor(jobs) as pool:
        futures = [
            pool.submit(_train, run, jobs, tool, processes)
            for run in waiting
        ]
        try:
            pending = set(futures)
            while pending:
                done, pending = wait(
                    pending, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
        finally:
            for future in futures:
                future.cancel()
            for process in processes:
                if process.poll() is None:
                    process.terminate()
    found: Dict[str, List[dict]] = {}
    for run in runs:
        found.setdefault(run.kind, []).append(result_of(run))
    return found


def _train(run: Run, jobs: int, tool: Path,
           processes: List[subprocess.Popen]) -> None:
    run.folder.mkdir(parents=True, exist_ok=True)
    config = _config_file(run)
    if not config.exists():
        with written_atomically(config) as path:
            path.write_text(run.text)
    env = dict(os.environ)
    if jobs > 1:
        # parallel trainings are fastest if they share the cores evenly
        env.setdefault('OMP_NUM_THREADS',
                       str(max((os.cpu_count() or 1) // jobs, 1)))
    log = run.folder / 'log.txt'
    print(f'  {run.name}: started, log in {log}', flush=True)
    with open(log, 'a') as file:
        process = subprocess.Popen([
            sys.executable,
            str(tool),
            str(config), '--work-dir',
            str(run.folder), '--resume'
        ], stdout=file, stderr=subprocess.STDOUT, env=env)
        processes.append(process)
        process.wait()
    result = result_of(run) if process.returncode == 0 else None
    if result is None:
        end = log.read_text(errors='replace').splitlines()[-_END_OF_LOG:]
        raise InputError('\n'.join(
            [f'{run.name} failed; the end of {log}:', *end]))
    print(
        f'  {run.name}: mIoU {result["mIoU"]:.1f} after '
        f'{result["minutes"]:.1f} minutes',
        flush=True)


def images_of(runs: Sequence[Run]) -> Dict[str, int]:
    """Number of images of each kind of training.

    Args:
        runs (Sequence[Run]): Trainings of all kinds but :data:`EQUAL_COST`.

    Returns:
        dict[str, int]: Labeled images of :data:`HALF` and :data:`ALL`, and
        images of ``unlabeled`` and ``validation``.
    """
    by_kind = {run.kind: run.config for run in runs}
    sources = by_kind[METHOD].train_dataloader.dataset.datasets
    return {
        HALF: _count(by_kind[HALF].train_dataloader.dataset.datasets),
        ALL: _count(by_kind[ALL].train_dataloader.dataset.datasets),
        'unlabeled': _count(filter(is_unlabeled, sources)),
        'validation': _count([by_kind[METHOD].val_dataloader.dataset]),
    }


def _count(sources) -> int:
    try:
        return sum(len(DATASETS.build(source)) for source in sources)
    except ValueError as error:
        raise InputError(str(error)) from error
