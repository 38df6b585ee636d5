"""Supervised training that puts as many images through the network.

Equal iterations are not equal compute: a step of a method has more passes
than one of supervised training. What costs the same is supervised training
that is as many times longer.
"""
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from controls import control_options, is_control
from labeling_cost import labeling_length
from mmengine.config import Config
from paper_runs import ROOT, Run, Setup, needs_of, options_of, read_config
from paper_tables import EQUAL_COST, Cell

PASSES = Path(__file__).with_name('benchmark') / 'passes.py'
SUPERVISED_PASSES = 3  # forward and backward, as PASSES counts
_counted: Dict[str, int] = {}  # by path, in this process


def with_equal_cost(cells: Sequence[Cell], table: dict,
                    setup: Setup) -> List[Cell]:
    """A second cell beside each: supervised training of its cost.

    It is that of the next row above which the table calls a ``baseline``,
    longer. The cost of a second training includes that of its teacher and
    of the masks. The cell is empty beside what is no method (supervised
    training, lambda = 0) and beside a method whose steps have other numbers
    of labeled or unlabeled images than the baseline has labeled ones.

    Args:
        cells (Sequence[Cell]): All of the table.
        table (dict): As in the data file.
        setup (Setup): Of all runs.

    Returns:
        list[Cell]: Those, each followed by its second one; without that if
        no row of the table is a baseline.
    """
    baselines = [_baseline_of(cell, cells, table) for cell in cells]
    if not any(baselines):
        return list(cells)
    are_methods = [
        _is_method(cell, baseline, setup)
        for cell, baseline in zip(cells, baselines)
    ]
    # all in one process
    count_passes(
        [cell.config for cell, wanted in zip(cells, are_methods) if wanted])
    found: List[Cell] = []
    for cell, baseline, is_method in zip(cells, baselines, are_methods):
        runs: Tuple[Run, ...] = ()
        if is_method:
            length = round(total_length(cell.runs[0], setup))
            runs = tuple(lengthened(run, length) for run in baseline.runs)
        found += [
            cell,
            cell._replace(
                name=f'{cell.name}{EQUAL_COST}',
                column=f'{cell.column}, supervised of equal cost',
                paper=None,
                config=baseline.config if runs else None,
                runs=runs)
        ]
    return found


def _baseline_of(cell: Cell, cells: Sequence[Cell],
                 table: dict) -> Optional[Cell]:
    above = [
        other for other in cells
        if other.column == cell.column and other.row <= cell.row
        and table['rows'][other.row].get('baseline')
    ]
    return above[-1] if above else None


def _is_method(cell: Cell, baseline: Optional[Cell], setup: Setup) -> bool:
    """Whether a cell gets a second one."""
    if not cell.runs or baseline is None or not baseline.runs:
        return False
    config = trained_config(cell.runs[0], setup)
    learns = bool(control_options(config)) and not is_control(config)
    if not learns and not has_teacher(cell.runs[0], setup):
        return False
    supervised = trained_config(baseline.runs[0], setup)
    labeled, *others = images_by_source(config)
    return set(others) == {labeled} and (
        images_by_source(supervised) == [labeled])


def has_teacher(run: Run, setup: Setup) -> bool:
    """Whether a run is a second training: a network writes its masks."""
    return 'teacher' in setup.labelings.get(run.config, {})


def total_length(run: Run, setup: Setup) -> float:
    """Supervised training of equal cost, teachers and masks included.

    Args:
        run (Run): Of the method.
        setup (Setup): Of all runs.

    Returns:
        float: Epochs or iterations of the run's loop.
    """
    config = trained_config(run, setup)
    passes = count_passes([run.config])[run.config]
    length = float(equal_length(config, passes))
    if has_teacher(run, setup):
        for labeling in needs_of(run, setup):
            length += labeling_length(config, labeling, setup)
            length += sum(
                total_length(teacher, setup)
                for teacher in needs_of(labeling, setup))
    return length


def trained_config(run: Run, setup: Setup) -> Config:
    """The config of a run with all that its command changes in it."""
    config = read_config(run.config)
    config.merge_from_dict(options_of(run, config, setup))
    return config


def images_by_source(config: Config) -> List[float]:
    """Images that a step takes on one GPU, the labeled ones first."""
    loader = config.train_dataloader
    ratio = loader.batch_sampler.source_ratio
    return [loader.batch_size * part / sum(ratio) for part in ratio]


def count_passes(names: Sequence[str]) -> Dict[str, int]:
    """Passes of a step of each config, with every term on.

    Args:
        names (Sequence[str]): Below ``configs/``, or absolute paths.

    Returns:
        dict[str, int]: By the name; :data:`SUPERVISED_PASSES` for stock
        training.
    """
    paths = {name: str(ROOT / 'configs' / name) for name in names}
    new = [path for path in paths.values() if path not in _counted]
    if new:
        _counted.update(_count(new))
    return {name: _counted[path] for name, path in paths.items()}


def _count(paths: List[str]) -> Dict[str, int]:
    print(f'# counting the passes of {len(paths)} configs', flush=True)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / 'passes.json'
        subprocess.run(
            [sys.executable, str(PASSES), *paths, '--json', str(out)],
            check=True,
            stdout=subprocess.DEVNULL)
        counted = json.loads(out.read_text())
    return {path: sum(passes) for path, passes in counted.items()}


def equal_length(config: Config, passes: int) -> int:
    """Epochs or iterations of supervised training that cost as much.

    Until its first term is on a method has the passes of supervised
    training alone.

    Args:
        config (Config): Of the method.
        passes (int): Of its step, see :func:`count_passes`.

    Returns:
        int: In the unit of its training loop.
    """
    by_iteration = config.train_cfg.type == 'IterBasedTrainLoop'
    epoch = (1 if by_iteration else
             config.train_dataloader.batch_sampler.epoch_length)
    end = (config.train_cfg.max_iters
           if by_iteration else config.train_cfg.max_epochs)
    warmup = sum(
        hook.get('warmup_epochs') or (hook.get('warmup_iters') or 0) / epoch
        for hook in config.get('custom_hooks', ())
        if hook.type == 'SupervisedWarmupHook')
    starts = [
        term.get('start_iters', 0) / epoch
        for term in (config.model.get('terms') or {}).values() if term
    ]
    begin = min(max(warmup, min(starts, default=0)), end)
    return round(begin + (end - begin) * passes / SUPERVISED_PASSES)


def lengthened(run: Run, length: int) -> Run:
    """A run with another length of its schedule.

    Args:
        run (Run): Of a supervised config.
        length (int): Epochs or iterations, the unit of its training loop.

    Returns:
        Run: The variant.
    """
    config = read_config(run.config)
    by_iteration = config.train_cfg.type == 'IterBasedTrainLoop'
    unit, key = (('iterations', 'max_iters') if by_iteration else
                 ('epochs', 'max_epochs'))
    options = {
        f'train_cfg.{key}': length,
        f'param_scheduler.{len(config.param_scheduler) - 1}.end': length
    }
    if by_iteration:
        options.update({
            'train_cfg.val_interval': length,
            'train_dataloader.batch_sampler.epoch_length': length
        })
    return replace(
        run, variant=f'{length} {unit}', options=tuple(options.items()))
