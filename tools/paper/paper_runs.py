"""Runs behind the tables of the paper: their commands and results.

A step is either a run, which is one training, or a labeling, which writes the
masks that a run trains on.
"""
import copy
import functools
import shlex
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import (
    Any,
    Dict,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Union,
)

from mmengine.config import Config
from trainings import (
    Job,
    Training,
    all_scores,
    kept_result,
    last_scores,
    shortened,
    to_arguments,
)

ROOT = Path(__file__).resolve().parents[2]
# of the configs that train on pseudo masks
PSEUDO_MASKS_KEY = (
    'train_dataloader.dataset.datasets.1.data_prefix.seg_map_path')


@dataclass(frozen=True)
class Run:
    """One training of a config.

    Args:
        config (str): Path below ``configs/``, or an absolute path.
        seed (int): Seed of sampler, augmentation and weights.
        data_list (int): Number of the list of labeled images.
        gpus (int): GPUs that the batch size of the config is meant for; 0:
            the CPU.
        variant (str): Name of the variant that the options make of the
            config, such as ``control`` or ``230 epochs``. Defaults to '': the
            config as it is.
        options (tuple): Pairs of a config key and its value in this variant.
            Defaults to ().
    """
    config: str
    seed: int
    data_list: int
    gpus: int
    variant: str = ''
    options: Tuple[Tuple[str, Any], ...] = ()


@dataclass(frozen=True)
class Labeling:
    """Masks that networks write for the runs of a config.

    Args:
        config (str): Config of the runs, below ``configs/``.
        seed (int): Seed of the teacher and of the run; None if the runs of
            all seeds train on the same masks.
        data_list (int): See :class:`Run`.
        gpus (int): See :class:`Run`.
    """
    config: str
    seed: Optional[int]
    data_list: int
    gpus: int


Step = Union[Run, Labeling]


class Setup(NamedTuple):
    """Settings shared by the steps of a preset.

    Args:
        folder (Path): Folder of the work dirs.
        labelings (dict[str, dict]): Configs that train on masks written by
            networks, and how these are made, as in ``paper_tables.yaml``.
        gpus (int): GPUs instead of those of the table; 0: the CPU. Defaults
            to None.
        iterations (int): Iterations instead of the schedule of the config.
            Defaults to None.
    """
    folder: Path
    labelings: Dict[str, dict]
    gpus: Optional[int] = None
    iterations: Optional[int] = None


def dependencies(step: Step, setup: Setup) -> List[Step]:
    """Steps that must end first: labeling of a run, teacher of a labeling."""
    recipe = setup.labelings.get(step.config)
    if recipe is None:
        return []
    teacher = recipe.get('teacher')
    if isinstance(step, Run):
        # A teacher has the seed of its student; one classifier serves all.
        seed = step.seed if teacher else None
        config = recipe.get('masks_of', step.config)
        return [Labeling(config, seed, step.data_list, step.gpus)]
    return [replace(Run(**vars(step)), config=teacher)] if teacher else []


def work_dir_of(step: Step, setup: Setup) -> Path:
    """Work dir, such as ``FOLDER/dcc/pspnet_r50_voc_1-8/seed_1_list_1``.

    A config given by its path has no folder before its name. A variant follows
    the name: ``FOLDER/dcc/pspnet_r50_voc_1-8/control/seed_1``.
    """
    config = Path(step.config).with_suffix('')
    if config.is_absolute():
        config = config.name
    parts = ['labeling'] * isinstance(step, Labeling)
    if step.seed is not None:
        parts.append(f'seed_{step.seed}')
    if step.data_list:
        parts.append(f'list_{step.data_list}')
    folder = setup.folder / config
    if isinstance(step, Run) and step.variant:
        folder /= step.variant.replace(' ', '_')
    return folder / '_'.join(parts)


def result_of(step: Step, setup: Setup) -> Optional[dict]:
    """What a finished step left; a run, whoever started it."""
    work_dir = work_dir_of(step, setup)
    result = kept_result(work_dir, cache_key(step, setup))
    if result or isinstance(step, Labeling):
        return result
    scores = last_scores(work_dir)
    if scores:
        config = read_config(step.config)
        config.merge_from_dict(options_of(step, config, setup))
        end = config.train_cfg.get('max_epochs') or config.train_cfg.max_iters
        if scores['step'] == end:
            return dict(mIoU=scores['mIoU'])
    return None


def best_of(run: Run, setup: Setup) -> Optional[float]:
    """Highest mIoU (%) of all evaluations of a run, or None.

    It is chosen on the images that it is measured on and therefore not a
    result. The result is the score of the last checkpoint.
    """
    scores = all_scores(work_dir_of(run, setup))
    return max((line['mIoU'] for line in scores), default=None)


def cache_key(step: Step, setup: Setup) -> List[str]:
    """Settings that a result depends on; the number of GPUs is not one."""
    words = [step.config]
    if isinstance(step, Labeling):
        words.append('masks')
    if step.seed is not None:
        words.append(f'seed {step.seed}')
    words.append(f'list {step.data_list}')
    if isinstance(step, Run) and step.variant:
        words.append(step.variant)
    if setup.iterations:
        words.append(f'{setup.iterations} iterations')
    return words


def options_of(run: Run, config: Config, setup: Setup) -> dict:
    """Options that ``--cfg-options`` sets in the config of a run.

    Args:
        run (Run): The training.
        config (Config): Its config.
        setup (Setup): Setup of all runs.

    Returns:
        dict: Values by config key.
    """
    options = {'randomness.seed': run.seed}
    if run.data_list:
        options.update(data_list_options(config, run.data_list))
    if setup.gpus is not None:
        options.update(batch_options(config, run.gpus, setup.gpus))
    if setup.iterations:
        options.update(shortened(config, setup.iterations))
    options.update(run.options)
    return options


def data_list_options(config: Config, data_list: int) -> dict:
    """Options that replace list number 0 of labeled images by another.

    Args:
        config (Config): Config whose data sets name lists such as
            ``1-8_seed0_labeled.txt``.
        data_list (int): Seed of ``tools/dataset_tools/make_splits.py``.

    Returns:
        dict: List files by config key.

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
            'in tools/paper/paper_tables.yaml.')
    return options


def batch_options(config: Config, designed: int, gpus: int) -> dict:
    """Options that keep the images per step on another number of GPUs.

    Args:
        config (Config): Config of the training.
        designed (int): GPUs that the config is written for; 0: the CPU.
        gpus (int): Available GPUs; 0: the CPU.

    Returns:
        dict: Batch sizes; empty if they stay the same.

    Raises:
        SystemExit: If the GPUs cannot share the images evenly.
    """
    loader, processes = config.train_dataloader, max(gpus, 1)
    images = loader.batch_size * max(designed, 1)
    parts = sum(loader.batch_sampler.source_ratio)
    if images % (processes * parts):
        raise SystemExit(
            f'--gpus: got {gpus}, expected a divisor of {images // parts}: '
            f'{config.filename} takes {images} images a step.')
    size = images // processes
    return {} if size == loader.batch_size else {
        'train_dataloader.batch_size': size
    }


def commands_of(step: Step, setup: Setup) -> List[str]:
    """Shell commands that make a step, or resume it if interrupted."""
    if isinstance(step, Run):
        return [_training_command(step, setup)]
    recipe = setup.labelings[step.config]
    if 'teacher' in recipe:
        return [_pseudo_mask_command(step, recipe, setup)]
    return _weak_mask_commands(step, recipe, setup)


def _training_command(run: Run, setup: Setup) -> str:
    config = tool_path(Path('configs', run.config))
    options = options_of(run, read_config(run.config), setup)
    for labeling in dependencies(run, setup):
        options.update(_mask_options(labeling, setup))
    gpus = run.gpus if setup.gpus is None else setup.gpus
    start = (['bash', tool_path('tools/dist_train.sh'), config, gpus]
             if gpus else [python_name(), tool_path('tools/train.py'), config])
    return join_words([
        *start, '--work-dir',
        work_dir_of(run, setup), '--resume', '--cfg-options',
        *to_arguments(options)
    ])


def _pseudo_mask_command(labeling: Labeling, recipe: dict,
                         setup: Setup) -> str:
    options = _mask_options(labeling, setup)
    if labeling.data_list:
        options.update(data_list_options(
            read_config(labeling.config), labeling.data_list))
    make = join_words([
        python_name(),
        tool_path('tools/make_pseudo_masks.py'),
        tool_path(f'configs/{labeling.config}')
    ])
    teacher, = dependencies(labeling, setup)
    checkpoint = join_words([work_dir_of(teacher, setup) / 'last_checkpoint'])
    how = join_words([
        *recipe.get('options', []), '--work-dir',
        work_dir_of(labeling, setup), '--cfg-options', *to_arguments(options)
    ])
    return f'{make} "$(cat {checkpoint})" {how}'


def _weak_mask_commands(labeling: Labeling, recipe: dict,
                        setup: Setup) -> List[str]:
    """Commands for labels, classifier and masks, see docs/weak_labels.md."""
    config = tool_path(f'configs/{labeling.config}')
    classifier = tool_path(f'configs/{recipe["classifier"]}')
    unlabeled = read_config(
        labeling.config).train_dataloader.dataset.datasets[1]
    root = Path(unlabeled.data_root)
    work_dir = work_dir_of(labeling, setup)
    shorter = {'train_cfg.max_epochs': 1, 'param_scheduler.0.end': 1}
    changes = ['--cfg-options', *to_arguments(shorter)]

    def tool(name: str, *words) -> str:
        return join_words([python_name(), tool_path(f'tools/{name}'), *words])

    return [
        tool('dataset_tools/make_image_labels.py', config, *recipe['labels'],
             '--out', root / 'image_labels.json'),
        tool('train.py', classifier, '--work-dir', work_dir, '--resume',
             *(changes if setup.iterations else [])),
        tool('dataset_tools/make_cam_masks.py', classifier) +
        f' "$(cat {join_words([work_dir / "last_checkpoint"])})" ' +
        join_words([
            '--out-dir', root / unlabeled.data_prefix.weak_seg_map_path,
            *recipe.get('options', [])
        ])
    ]


def _mask_options(labeling: Labeling, setup: Setup) -> dict:
    """Option for the folder of the masks, if it differs from the config."""
    if 'teacher' not in setup.labelings[labeling.config]:
        return {}
    folder = work_dir_of(labeling, setup) / 'masks'
    return {PSEUDO_MASKS_KEY: folder.resolve()}


def make_job(step: Step, setup: Setup, depends_on: Sequence[Job]) -> Job:
    """Job that runs a step in its own process."""
    script = ' && '.join(commands_of(step, setup))
    kind = Training if isinstance(step, Run) else Job
    return kind(', '.join(cache_key(step, setup)), ['bash', '-c', script],
                work_dir_of(step, setup), cache_key(step, setup), depends_on)


def read_config(name: str) -> Config:
    """Config below ``configs/``, or at an absolute path.

    Each file is parsed once. The caller may change the returned copy.
    """
    return copy.deepcopy(_parsed(str(ROOT / 'configs' / name)))


@functools.lru_cache(maxsize=None)
def _parsed(path: str) -> Config:
    return Config.fromfile(path, import_custom_modules=False)


def tool_path(name: Union[str, Path]) -> str:
    """Path of a repository file, relative to the working directory.

    Files outside the repository keep their absolute path.
    """
    path = ROOT / name
    is_near = Path.cwd() == ROOT and ROOT in path.parents
    return str(path.relative_to(ROOT) if is_near else path)


def python_name() -> str:
    """Interpreter of this process, ``python`` if that name means it."""
    return 'python' if shutil.which('python') == sys.executable else (
        sys.executable)


def join_words(words: Sequence) -> str:
    return ' '.join(shlex.quote(str(word)) for word in words)
