"""Options that several command lines share."""
import argparse
import os
import os.path as osp

from mmengine.config import Config, DictAction
from mmseg.models.segmentors import BaseSegmentor
from mmseg.registry import MODELS

from .configs import is_kind, read_config

_HOOKS = ('WeightsCheckHook', 'TrainingCheckHook', 'InterruptHook',
          'StartReportHook', 'TrainingPicturesHook', 'TrainingReportHook')


def add_verbose_argument(parser: argparse.ArgumentParser) -> None:
    """Adds what ``tools/quiet_start.py`` looks for before it is parsed."""
    parser.add_argument(
        '--verbose',
        action='store_true',
        help='all warnings and all of the log on the console, as mmengine '
        'has it (or MMSEG_DCC_VERBOSE=1)')


def is_verbose() -> bool:
    """Whether a tool was told so by its option or the environment."""
    return os.environ.get('MMSEG_DCC_VERBOSE', '0') not in ('', '0')


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what :func:`load_config` takes."""
    add_verbose_argument(parser)
    parser.add_argument('config', help='config file of a training')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        help='override config values: key=value key.inner=value; lists as '
        'key="[a,b]"')


def load_config(args: argparse.Namespace) -> Config:
    """Reads the config of the command line."""
    return read_config(args.config, args.cfg_options)


def add_launch_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds what :func:`load_launched_config` takes: mmseg's options."""
    add_config_arguments(parser)
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none')
    # Given by some versions of torch's launcher.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def load_launched_config(args: argparse.Namespace) -> Config:
    """Reads the config of a command that mmengine's runner carries out."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = load_config(args)
    cfg.launcher = args.launcher
    name = osp.splitext(osp.basename(args.config))[0]
    cfg.work_dir = (
        args.work_dir or cfg.get('work_dir') or osp.join('work_dirs', name))
    add_hooks(cfg)
    return cfg


def add_hooks(cfg: Config) -> None:
    """Adds what belongs to every training and test: checks and reports.

    Args:
        cfg (Config): What its ``custom_hooks`` have already stays as it is.
    """
    if (cfg.get('default_scope') or 'mmseg') != 'mmseg' and not is_kind(
            cfg.model, BaseSegmentor, MODELS):
        return  # of a classifier, say
    types = [hook['type'] for hook in cfg.get('custom_hooks') or []]
    for name in _HOOKS:
        if not any(_is_named(kind, name) for kind in types):
            add_hook(cfg, dict(type=name))


def add_hook(cfg: Config, hook: dict) -> None:
    """Adds one hook of this package.

    Args:
        cfg (Config): With or without ``custom_hooks``, of any default scope.
        hook (dict): Its config, with the bare name as ``type``.
    """
    cfg.custom_hooks = [
        *(cfg.get('custom_hooks') or []),
        # found from any scope
        dict(hook, type=f'mmseg.{hook["type"]}')
    ]


def _is_named(kind, name: str) -> bool:
    # a name, a path, or the class itself in configs in pure Python
    return getattr(kind, '__name__', str(kind)).split('.')[-1] == name
