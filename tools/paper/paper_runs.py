"""The work behind the tables of the paper: commands and results.

A step is a run, which is one training, or a labeling, which writes the masks
that a run trains on.
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
        config (str): Below ``configs/``, or an absolute path.
        seed (int): Of sampler, augmentation and weights.
        data_list (int): Which of the lists of labeled images.
        gpus (int): For which the config has its batch size; 0: the CPU.
        variant (str): What its options make of the config, such as
            ``control`` or ``230 epochs``. Defaults to '': the config as it
            is.
        options (tuple): Pairs of a key of the config and the value that it
            has in this variant. Defaults to ().
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
        config (str): Below ``configs/``: that of the runs.
        seed (int): Of its teacher and of the run; None if the runs of all
            seeds train on the same masks.
        data_list (int): See :class:`Run`.
        gpus (int): See :class:`Run`.
    """
    config: str
    seed: Optional[int]
    data_list: int
    gpus: int


Step = Union[Run, Labeling]


class Setup(NamedTuple):
    """Where and how the steps of a preset are made.

    Args:
        folder (Path): Holds the work dirs.
        labelings (dict[str, dict]): Configs that train on masks which
            networks write, and how, as in ``paper_tables.yaml``.
        gpus (int): Instead of those of the table; 0: the CPU. Defaults to
            None.
        iterations (int): Instead of the schedule of the config. Defaults to
            None.
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
    """Such as ``FOLDER/dcc/pspnet_r50_voc_1-8/seed_1_list_1``.

    A config that is given by its path has no folder before its name, a
    variant follows it: ``FOLDER/dcc/pspnet_r50_voc_1-8/control/seed_1``.
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
    """The highest mIoU (%) of all evaluations of a run, or None.

    It is chosen on the images that it is measured on, so that it is no
    result: that is the score of the last checkpoint.
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
    options.update(run.options)
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
            'in tools/paper/paper_tables.yaml.')
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
    """What to type to make a step; it goes on where it was interrupted."""
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
    """Labels, classifier, masks: docs/weak_labels.md explains them."""
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
    """Where the runs find their masks, if not where their config says."""
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
    """A config below ``configs/``, or that of an absolute path.

    Each is parsed once; what is returned is the caller's to change.
    """
    return copy.deepcopy(_parsed(str(ROOT / 'configs' / name)))


@functools.lru_cache(maxsize=None)
def _parsed(path: str) -> Config:
    return Config.fromfile(path, import_custom_modules=False)


def tool_path(name: Union[str, Path]) -> str:
    """A file of this repository, as seen from the working directory.

    Files of other places keep their absolute path.
    """
    path = ROOT / name
    is_near = Path.cwd() == ROOT and ROOT in path.parents
    return str(path.relative_to(ROOT) if is_near else path)


def python_name() -> str:
    """The interpreter of this process, by its short name if that is it."""
    return 'python' if shutil.which('python') == sys.executable else (
        sys.executable)


def join_words(words: Sequence) -> str:
    return ' '.join(shlex.quote(str(word)) for word in words)
