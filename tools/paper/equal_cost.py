"""Supervised training with as many network passes as a method.

Equal iterations are not equal compute, since a step of a method has more
passes than a step of supervised training. Supervised training of equal cost
is longer by the same factor.
"""
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional, Sequence, Tuple

from controls import control_options, is_control
from labeling_cost import SUPERVISED_PASSES, labeling_length
from mmengine.config import Config
from mmseg.registry import MODELS
from paper_runs import ROOT, Run, Setup, dependencies, options_of, read_config
from paper_tables import EQUAL_COST, Cell

from mmseg_dcc.models.terms.partner_term import PartnerTerm
from mmseg_dcc.utils.configs import is_kind

PASSES = Path(__file__).with_name('benchmark') / 'passes.py'
_counted: Dict[str, int] = {}  # by path, in this process


def with_equal_cost(cells: Sequence[Cell], table: dict,
                    setup: Setup) -> List[Cell]:
    """Adds to each cell the supervised training of the same cost.

    This is a longer training of the next row above that the table marks as
    ``baseline``. The cost of a second training includes that of its teacher
    and of the masks. The added cell is empty beside rows that are not methods
    (supervised training, lambda = 0) and beside a method whose steps do not
    take as many labeled and as many unlabeled images as the baseline takes
    labeled ones.

    Args:
        cells (Sequence[Cell]): All cells of the table.
        table (dict): As in the data file.
        setup (Setup): Setup of all runs.

    Returns:
        list[Cell]: The given cells, each followed by the added one; only the
        given cells if no row of the table is a baseline.
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
            # three digits: methods of nearly the same cost share a training
            length = int(float(f'{total_length(cell.runs[0], setup):.3g}'))
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
    """Whether a cell gets a second cell."""
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
    """Whether a run is a second training, on masks that a network writes."""
    return 'teacher' in setup.labelings.get(run.config, {})


def total_length(run: Run, setup: Setup) -> float:
    """Length of supervised training of equal cost, with teachers and masks.

    Args:
        run (Run): Run of the method.
        setup (Setup): Setup of all runs.

    Returns:
        float: Epochs or iterations, in the unit of the run's training loop.
    """
    config = trained_config(run, setup)
    passes = count_passes([run.config])[run.config]
    length = float(equal_length(config, passes))
    if has_teacher(run, setup):
        for labeling in dependencies(run, setup):
            length += labeling_length(config, labeling, setup)
            length += sum(
                total_length(teacher, setup)
                for teacher in dependencies(labeling, setup))
    return length


def trained_config(run: Run, setup: Setup) -> Config:
    """Config of a run with all options of its command merged."""
    config = read_config(run.config)
    config.merge_from_dict(options_of(run, config, setup))
    return config


def images_by_source(config: Config) -> List[float]:
    """Images of each source per step on one GPU, labeled ones first."""
    loader = config.train_dataloader
    ratio = loader.batch_sampler.source_ratio
    return [loader.batch_size * part / sum(ratio) for part in ratio]


def count_passes(names: Sequence[str]) -> Dict[str, int]:
    """Passes of a step of each config, with every term active.

    Args:
        names (Sequence[str]): Paths below ``configs/``, or absolute paths.

    Returns:
        dict[str, int]: Passes by name; :data:`SUPERVISED_PASSES` for stock
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
    """Length of supervised training that costs as much as a method.

    Until its first term starts, a method has the passes of supervised
    training only: of one network, or two.

    Args:
        config (Config): Config of the method.
        passes (int): Passes of its step, see :func:`count_passes`.

    Returns:
        int: Epochs or iterations, in the unit of the training loop.
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
    terms = [
        term for term in (config.model.get('terms') or {}).values() if term
    ]
    starts = [term.get('start_iters', 0) / epoch for term in terms]
    begin = min(max(warmup, min(starts, default=0)), end)
    networks = 1 + sum(is_kind(term, PartnerTerm, MODELS) for term in terms)
    return round(begin * networks + (end - begin) * passes / SUPERVISED_PASSES)


def lengthened(run: Run, length: int) -> Run:
    """Run with another schedule length.

    Args:
        run (Run): Run of a supervised config.
        length (int): Epochs or iterations, in the unit of its training loop.

    Returns:
        Run: Variant of the run.
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
