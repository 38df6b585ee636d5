"""What a training puts through its networks, which no machine changes."""
import tempfile
from pathlib import Path
from typing import Dict, NamedTuple, Optional, Sequence

from controls import control_options
from equal_cost import (
    count_passes,
    equal_length,
    has_teacher,
    images_by_source,
    total_length,
    trained_config,
)
from mmengine.config import Config
from paper_runs import Run, Setup
from paper_tables import Cell


class Cost(NamedTuple):
    """Of a training.

    Args:
        iterations (int): All of its steps, those of the warm-up as well.
        passes (int): Images through a network and back; one that goes
            forward alone counts a third. None where they cannot be counted:
            with other numbers of labeled and of unlabeled images a step.
            Those of a teacher, and of the masks that it writes, included.
    """
    iterations: int
    passes: Optional[int]


def costs_of(cells: Sequence[Cell], setup: Setup) -> Dict[str, Cost]:
    """The cost of a training of each cell.

    Args:
        cells (Sequence[Cell]): Those of a table. Cells without runs are left
            out.
        setup (Setup): Of all runs.

    Returns:
        dict[str, Cost]: By the name of the cell.
    """
    runs = {cell.name: cell.runs[0] for cell in cells if cell.runs}
    configs = {name: trained_config(run, setup) for name, run in runs.items()}
    methods = [
        name for name, config in configs.items()
        if control_options(config) and _counts(config)
    ]
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name in methods:
            files[name] = runs[name].config
            if runs[name].options:  # not what the file says
                files[name] = str(Path(folder) / f'{len(files)}.json')
                configs[name].dump(files[name])
        passes = count_passes(list(files.values()))
    counted = {name: passes[file] for name, file in files.items()}
    return {
        name: _cost(config, counted.get(name), runs[name], setup)
        for name, config in configs.items()
    }


def _counts(config: Config) -> bool:
    return len(set(images_by_source(config))) == 1


def _cost(config: Config, passes: Optional[int], run: Run,
          setup: Setup) -> Cost:
    """Of a method with these passes a step; None for supervised training."""
    by_iteration = config.train_cfg.type == 'IterBasedTrainLoop'
    unit = (1 if by_iteration else
            config.train_dataloader.batch_sampler.epoch_length)
    end = (config.train_cfg.max_iters
           if by_iteration else config.train_cfg.max_epochs)
    if has_teacher(run, setup) and _counts(config):
        length = total_length(run, setup)
    elif control_options(config):
        length = None if passes is None else equal_length(config, passes)
    else:
        length = end
    gpus = run.gpus if setup.gpus is None else setup.gpus
    images = images_by_source(config)[0] * max(gpus, 1)
    return Cost(end * unit,
                None if length is None else round(length * unit * images))
