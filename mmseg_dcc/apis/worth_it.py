"""What more labels and unlabeled photographs bring on the data of a config.

Four trainings, each in a process of its own and in a folder of its own.
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
    is_unlabeled,
    supervised_twin,
    with_half_the_labels,
)

HALF, ALL = 'supervised_half', 'supervised'
EQUAL_COST, METHOD = 'supervised_equal_cost', 'method'
SHARE = 4  # of the schedule of the config, a quarter
_END_OF_LOG = 20  # lines


class Run(NamedTuple):
    """One of the trainings.

    Args:
        kind (str): :data:`HALF`, :data:`ALL`, :data:`EQUAL_COST` or
            :data:`METHOD`.
        seed (int): Of sampler, augmentation and weights.
        folder (Path): Its work dir.
        config (Config): The whole of it.
        text (str): The config as its file has it.
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
    """A quarter of the schedule of a config."""
    return max(total_iterations(cfg) // SHARE, 1)


def check_config(cfg: Config) -> None:
    """Refuses what cannot be compared.

    Args:
        cfg (Config): Of a training.

    Raises:
        InputError: If it is no training with terms on labeled and unlabeled
            images, or is not validated.
    """
    sources = cfg.train_dataloader.dataset.get('datasets') or []
    unlabeled = [is_unlabeled(source) for source in sources]
    if not is_kind(cfg.model, SemiEncoderDecoder,
                   MODELS) or not any(unlabeled) or all(unlabeled):
        raise InputError(
            f'{cfg.filename} trains a {cfg.model.type} on {len(sources)} data '
            f'sets, {sum(unlabeled)} of them unlabeled; expected a method '
            'that takes labeled and unlabeled images. In a copy of '
            "configs/custom/own_data.py, method='supervised' is none.")
    if not cfg.get('val_dataloader') or not cfg.get('val_evaluator'):
        raise InputError(
            f'{cfg.filename} has no val_dataloader and val_evaluator, with '
            'which the trainings could be compared.')


def runs_of(cfg: Config, iterations: int, seeds: Sequence[int],
            folder: Path) -> List[Run]:
    """The trainings that need no result of another.

    Args:
        cfg (Config): Of a method.
        iterations (int): Of each.
        seeds (Sequence[int]): Each training is made with each of them.
        folder (Path): Below which they have theirs.

    Returns:
        list[Run]: The method, which takes longest, first.
    """
    method = with_length(cfg, iterations)
    twin = supervised_twin(method)
    kinds = {METHOD: method, ALL: twin, HALF: with_half_the_labels(twin)}
    return [
        _run(kind, seed, config, folder) for kind, config in kinds.items()
        for seed in seeds
    ]


def runs_of_equal_cost(cfg: Config, iterations: int, results: Dict[str,
                                                                   List[dict]],
                       seeds: Sequence[int], folder: Path) -> List[Run]:
    """Supervised trainings with as many passes as those of the method.

    Args:
        cfg (Config): Of the method.
        iterations (int): Of its training.
        results (dict[str, list[dict]]): Of the other trainings, by kind.
        seeds (Sequence[int]): Of the trainings.
        folder (Path): Below which they have theirs.

    Returns:
        list[Run]: One a seed.
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
    """What a training that has ended left.

    Args:
        run (Run): The training.

    Returns:
        dict: mIoU (%), minutes, iterations and image_passes; None if there
        is something left to do.

    Raises:
        InputError: If the folder has a training of another config, or its
            validation gave no mIoU.
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
    """Makes the trainings that have no result; what was interrupted goes on.

    Args:
        runs (Sequence[Run]): In the order in which they start.
        jobs (int): How many run side by side.
        tool (Path): ``tools/train.py``.

    Returns:
        dict[str, list[dict]]: Results by kind, see :func:`result_of`.

    Raises:
        InputError: If one fails; the others are ended.
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
        # side by side they share the cores best so
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
            [f'{run.name} did not come to its end; the end of {log}:', *end]))
    print(
        f'  {run.name}: mIoU {result["mIoU"]:.1f} after '
        f'{result["minutes"]:.1f} minutes',
        flush=True)


def images_of(runs: Sequence[Run]) -> Dict[str, int]:
    """How many images each kind of training has.

    Args:
        runs (Sequence[Run]): Of all kinds but :data:`EQUAL_COST`.

    Returns:
        dict[str, int]: Labeled ones of :data:`HALF` and :data:`ALL`, and
        those of ``unlabeled`` and ``validation``.
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
