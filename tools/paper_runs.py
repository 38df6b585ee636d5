"""The trainings behind the tables of the paper: commands and results."""
import shlex
import shutil
import sys
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional, Sequence

from mmengine.config import Config
from trainings import (
    Training,
    kept_result,
    last_scores,
    shortened,
    to_arguments,
)

ROOT = Path(__file__).resolve().parents[1]
# of the configs that train on pseudo masks
PSEUDO_MASKS_KEY = (
    'train_dataloader.dataset.datasets.1.data_prefix.seg_map_path')


class Run(NamedTuple):
    """One training of a config.

    Args:
        config (str): Below ``configs/``.
        seed (int): Of sampler, augmentation and weights.
        data_list (int): Which of the lists of labeled images.
        gpus (int): For which the config has its batch size; 0: the CPU.
    """
    config: str
    seed: int
    data_list: int
    gpus: int


class Setup(NamedTuple):
    """Where and how the runs of a preset are made.

    Args:
        folder (Path): Holds the work dirs of the runs.
        pseudo_masks (dict[str, str]): Configs that train on pseudo masks,
            and the config whose predictions these are.
        gpus (int): Instead of those of the table; 0: the CPU. Defaults to
            None.
        iterations (int): Instead of the schedule of the config. Defaults to
            None.
    """
    folder: Path
    pseudo_masks: Dict[str, str]
    gpus: Optional[int] = None
    iterations: Optional[int] = None


def first_run(run: Run, pseudo_masks: Dict[str, str]) -> Optional[Run]:
    """The training whose predictions this one trains on, or None."""
    first = pseudo_masks.get(run.config)
    return run._replace(config=first) if first else None


def work_dir_of(run: Run, setup: Setup) -> Path:
    """Such as ``FOLDER/dcc/pspnet_r50_voc_1-8/seed_1_list_1``."""
    data_list = f'_list_{run.data_list}' if run.data_list else ''
    return (setup.folder / run.config[:-len('.py')] /
            f'seed_{run.seed}{data_list}')


def result_of(run: Run, setup: Setup) -> Optional[dict]:
    """What a finished run left, whether started by this tool or by hand."""
    work_dir = work_dir_of(run, setup)
    result = kept_result(work_dir, made_with(run, setup))
    if result:
        return result
    scores = last_scores(work_dir)
    if scores:
        config = _read(run)
        config.merge_from_dict(options_of(run, config, setup))
        end = config.train_cfg.get('max_epochs') or config.train_cfg.max_iters
        if scores['step'] == end:
            return dict(mIoU=scores['mIoU'])
    return None


def made_with(run: Run, setup: Setup) -> List[str]:
    """What the result of a run depends on, however many GPUs there are."""
    shortened_to = [f'{setup.iterations} iterations'] * bool(setup.iterations)
    return [
        run.config, f'seed {run.seed}', f'list {run.data_list}', *shortened_to
    ]


def options_of(run: Run, config: Config, setup: Setup) -> dict:
    """What ``--cfg-options`` sets in the config of a run.

    Args:
        run (Run): The training.
        config (Config): Its config.
        setup (Setup): Of all runs.

    Returns:
        dict: Values by the keys of the config.
    """
    options = {'randomness.seed': run.seed}
    if run.data_list:
        options.update(data_list_options(config, run.data_list))
    if setup.gpus is not None:
        options.update(batch_options(config, run.gpus, setup.gpus))
    if setup.iterations:
        options.update(shortened(config, setup.iterations))
    return options


def data_list_options(config: Config, data_list: int) -> dict:
    """Options for another list of labeled images than number 0.

    Args:
        config (Config): Whose data sets name lists such as
            ``1-8_seed0_labeled.txt``.
        data_list (int): The seed of ``tools/dataset_tools/make_splits.py``.

    Returns:
        dict: The lists, by the keys of the config.

    Raises:
        ValueError: If the config names no such list.
    """
    options = {}
    for index, dataset in enumerate(config.train_dataloader.dataset.datasets):
        if '_seed0_' in dataset.get('ann_file', ''):
            key = f'train_dataloader.dataset.datasets.{index}.ann_file'
            options[key] = dataset.ann_file.replace('_seed0_',
                                                    f'_seed{data_list}_')
    if not options:
        raise ValueError(
            f'{config.filename} names no list such as 1-8_seed0_labeled.txt '
            'that could be replaced; set lists_by_seed: false for its table '
            'in tools/paper_tables.yaml.')
    return options


def batch_options(config: Config, designed: int, gpus: int) -> dict:
    """Options that keep the images of a step on another number of GPUs.

    Args:
        config (Config): Of the training.
        designed (int): GPUs for which it is written; 0: the CPU.
        gpus (int): GPUs that are there; 0: the CPU.

    Returns:
        dict: Batch sizes, empty if they stay.

    Raises:
        SystemExit: If the GPUs cannot share the images evenly.
    """
    loader, processes = config.train_dataloader, max(gpus, 1)
    images = loader.batch_size * max(designed, 1)
    parts = sum(loader.sampler.source_ratio)
    if images % (processes * parts):
        raise SystemExit(
            f'--gpus: got {gpus}, expected a divisor of {images // parts}: '
            f'{config.filename} takes {images} images a step.')
    size = images // processes
    if size == loader.batch_size:
        return {}
    return {
        'train_dataloader.batch_size': size,
        'train_dataloader.sampler.batch_size': size
    }


def commands_of(run: Run, setup: Setup) -> List[str]:
    """What to type to make a run; it goes on where it was interrupted."""
    work_dir = work_dir_of(run, setup)
    options = options_of(run, _read(run), setup)
    commands = []
    first = first_run(run, setup.pseudo_masks)
    config = tool_path(f'configs/{run.config}')
    if first:
        options[PSEUDO_MASKS_KEY] = (work_dir / 'pseudo_masks').resolve()
        checkpoint, own = (
            join_words([work_dir_of(which, setup) / 'last_checkpoint'])
            for which in (first, run))
        make = join_words(
            [python_name(), tool_path('tools/make_pseudo_masks.py'), config])
        where = join_words([
            '--work-dir', work_dir / 'labeling', '--cfg-options',
            *to_arguments(options)
        ])
        # They are complete if the training on them has begun.
        commands.append(
            f'test -e {own} || {make} "$(cat {checkpoint})" {where}')
    gpus = run.gpus if setup.gpus is None else setup.gpus
    start = (['bash', tool_path('tools/dist_train.sh'), config, gpus]
             if gpus else [python_name(), tool_path('tools/train.py'), config])
    commands.append(
        join_words([
            *start, '--work-dir', work_dir, '--resume', '--cfg-options',
            *to_arguments(options)
        ]))
    return commands


def training_of(run: Run, setup: Setup,
                needs: Optional[Training]) -> Training:
    """The run as a process to be."""
    script = ' && '.join(commands_of(run, setup))
    return Training(
        ', '.join(made_with(run, setup)), ['bash', '-c', script],
        work_dir_of(run, setup), made_with(run, setup), needs)


def _read(run: Run) -> Config:
    path = ROOT / 'configs' / run.config
    return Config.fromfile(str(path), import_custom_modules=False)


def tool_path(name: str) -> str:
    """A file of this repository, as seen from the working directory."""
    path = ROOT / name
    return str(path.relative_to(ROOT) if Path.cwd() == ROOT else path)


def python_name() -> str:
    """The interpreter of this process, by its short name if that is it."""
    return 'python' if shutil.which('python') == sys.executable else (
        sys.executable)


def join_words(words: Sequence) -> str:
    return ' '.join(shlex.quote(str(word)) for word in words)
