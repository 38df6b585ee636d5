"""Config of the same training with another schedule length."""
import copy
import math

from mmengine.config import Config
from mmseg.registry import DATASETS

from ..utils.input_error import InputError

# lengths of schedulers, in the unit of their steps
_LENGTHS = ('begin', 'end', 'T_max', 'total_iters', 'step_size')
_LEAST = 4  # enough for a warm-up and a decay


def total_iterations(cfg: Config) -> int:
    """Number of iterations of a whole training.

    Args:
        cfg (Config): Config with ``MultiSourceBatchSampler``.

    Returns:
        int: ``max_iters``, or epochs times their length.
    """
    loop = cfg.train_cfg
    if loop.get('max_epochs') is None:
        return loop.max_iters
    return loop.max_epochs * _epoch_length(cfg.train_dataloader)


def _epoch_length(loader: dict) -> int:
    sampler = loader.batch_sampler
    if sampler.get('epoch_length'):
        return sampler.epoch_length
    ratio = sampler.get('source_ratio', (1, 1))
    shares = [loader.batch_size // sum(ratio) * part for part in ratio]
    # as in MultiSourceBatchSampler, on one process
    return max(
        math.ceil(len(DATASETS.build(source)) / share)
        for source, share in zip(loader.dataset.datasets, shares) if share)


def with_length(cfg: Config, iterations: int) -> Config:
    """Config whose whole schedule is scaled to another length.

    Learning rates, the warm-up and all iterations in the terms are scaled.
    Epochs keep their number and become shorter. The only validation is at the
    end. Checkpoints are saved on the way, but none as the best.

    Args:
        cfg (Config): Config with ``MultiSourceBatchSampler``; not changed.
        iterations (int): Iterations of the whole training, at least 4. With
            epochs it is rounded to a multiple of their number.

    Returns:
        Config: New config.

    Raises:
        InputError: If there are too few iterations.
    """
    scale = iterations / total_iterations(cfg)
    cfg = copy.deepcopy(cfg)
    loop, sampler = cfg.train_cfg, cfg.train_dataloader.batch_sampler
    epochs = loop.get('max_epochs')
    least = epochs or _LEAST
    if iterations < least:
        raise InputError(
            f'--iterations: got {iterations}, expected {least} or more' +
            (', one per epoch.' if epochs else '.'))
    if epochs:
        sampler.epoch_length = max(round(iterations / epochs), 1)
    else:
        loop.max_iters = iterations
        if sampler.get('epoch_length'):
            sampler.epoch_length = _scaled(sampler.epoch_length, scale)
    end = loop.val_interval = epochs or iterations
    loop.pop('dynamic_intervals', None)
    for name in ('model', 'custom_hooks'):
        if cfg.get(name):
            cfg[name] = _with_scaled_iters(cfg[name], scale)
    schedulers = [
        scheduler if scheduler.get('by_epoch', True) else _scheduler(
            scheduler, scale) for scheduler in _listed(cfg)
    ]
    cfg.param_scheduler = [
        scheduler for scheduler in schedulers
        if scheduler.get('end') is None
        or scheduler.end > scheduler.get('begin', 0)
    ]
    checkpoint = cfg.get('default_hooks', {}).get('checkpoint')
    if checkpoint:
        checkpoint.update(
            interval=max(end // 4, 1), by_epoch=bool(epochs), save_best=None)
    return cfg


def _listed(cfg: Config) -> list:
    found = cfg.get('param_scheduler') or []
    return found if isinstance(found, (list, tuple)) else [found]


def _scaled(length: int, scale: float) -> int:
    return max(round(length * scale), 1) if length else length


def _scheduler(scheduler: dict, scale: float) -> dict:
    changed = copy.deepcopy(scheduler)
    for key in _LENGTHS:
        if isinstance(changed.get(key), int):
            changed[key] = _scaled(changed[key], scale)
    if 'milestones' in changed:
        changed['milestones'] = [
            _scaled(each, scale) for each in changed['milestones']
        ]
    return changed


def _with_scaled_iters(part, scale: float):
    """Scales ``iters``, ``warmup_iters``, ... anywhere in a config part."""
    if isinstance(part, (list, tuple)):
        return type(part)(_with_scaled_iters(each, scale) for each in part)
    if not isinstance(part, dict):
        return part
    return type(part)({
        key: _scaled(value, scale)
        if isinstance(value, int) and key.split('_')[-1] == 'iters' else
        _with_scaled_iters(value, scale)
        for key, value in part.items()
    })
