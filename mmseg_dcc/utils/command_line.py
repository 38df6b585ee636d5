"""Command-line options that several tools share."""
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
    """Adds ``--verbose``, which ``tools/quiet_start.py`` reads before."""
    parser.add_argument(
        '--verbose',
        action='store_true',
        help='show all warnings and the whole log on the console, like '
        'mmengine does (or set MMSEG_DCC_VERBOSE=1)')


def is_verbose() -> bool:
    """Whether ``--verbose`` or ``MMSEG_DCC_VERBOSE`` is set."""
    return os.environ.get('MMSEG_DCC_VERBOSE', '0') not in ('', '0')


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of :func:`load_config`."""
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
    """Adds the arguments of :func:`load_launched_config`, as in mmseg."""
    add_config_arguments(parser)
    parser.add_argument('--work-dir', help='folder for logs and checkpoints')
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none')
    # some versions of torch's launcher pass it
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def load_launched_config(args: argparse.Namespace) -> Config:
    """Reads the config of a command that runs mmengine's runner."""
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    cfg = load_config(args)
    cfg.launcher = args.launcher
    name = osp.splitext(osp.basename(args.config))[0]
    cfg.work_dir = (
        args.work_dir or cfg.get('work_dir') or osp.join('work_dirs', name))
    add_hooks(cfg)
    return cfg


def add_hooks(cfg: Config) -> None:
    """Adds the hooks for checks and reports of every training and test.

    Args:
        cfg (Config): Config, changed in place. Hooks that its
            ``custom_hooks`` already has are kept as they are.
    """
    if (cfg.get('default_scope') or 'mmseg') != 'mmseg' and not is_kind(
            cfg.model, BaseSegmentor, MODELS):
        return  # for instance of a classifier
    types = [hook['type'] for hook in cfg.get('custom_hooks') or []]
    for name in _HOOKS:
        if not any(_is_named(kind, name) for kind in types):
            add_hook(cfg, dict(type=name))


def add_hook(cfg: Config, hook: dict) -> None:
    """Adds one hook of this package.

    Args:
        cfg (Config): Config of any default scope, with or without
            ``custom_hooks``; changed in place.
        hook (dict): Config of the hook, with the bare name as ``type``.
    """
    cfg.custom_hooks = [
        *(cfg.get('custom_hooks') or []),
        # found from any scope
        dict(hook, type=f'mmseg.{hook["type"]}')
    ]


def _is_named(kind, name: str) -> bool:
    # a name, a path, or the class itself in configs in pure Python
    return getattr(kind, '__name__', str(kind)).split('.')[-1] == name
