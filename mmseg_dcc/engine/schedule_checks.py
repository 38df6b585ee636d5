"""Checks of learning rates and schedules before a training."""
import copy
import logging
from typing import List

from mmengine.logging import print_log

from ..utils.bare_model import bare_model
from .optimizers import CompositeOptimizer


def check_schedule(runner) -> None:
    """Compares the schedules with the length of the training.

    A checkpoint restores its schedules. If the schedule in the config is
    longer now, the resumed training would continue at a learning rate of 0.
    The schedules of the config replace those of the checkpoint, advanced to
    the current iteration.

    Args:
        runner (Runner): Runner at the beginning of its training, after a
            resume.
    """
    check_custom_keys(runner)
    restart_longer_schedules(runner)
    for scheduler in _flat(runner.param_schedulers):
        total = runner.max_epochs if scheduler.by_epoch else runner.max_iters
        if scheduler.end < total and _ends_at_zero(scheduler):
            unit = 'epoch' if scheduler.by_epoch else 'iteration'
            _warn(f'The learning rate is 0 from {unit} {scheduler.end} on '
                  f'({type(scheduler).__name__}), but the training has '
                  f'{total}: nothing is learned after that. Set end={total} '
                  'of this scheduler in param_scheduler.')


def restart_longer_schedules(runner) -> bool:
    """Replaces the schedules of a checkpoint by those of the config.

    Args:
        runner (Runner): Runner after a resume. Nothing happens if both
            schedules end at the same step.

    Returns:
        bool: Whether the schedules were replaced.
    """
    resumed = _flat(runner.param_schedulers)
    wanted = _as_list(runner.cfg.get('param_scheduler'))
    before = [scheduler.end for scheduler in resumed]
    after = [
        _end_of(config, scheduler, len(runner.train_dataloader))
        for config, scheduler in zip(wanted, resumed)
    ]
    if not runner.iter or before == after or len(wanted) != len(resumed):
        return False
    optimizer = runner.optim_wrapper.optimizer
    for group in optimizer.param_groups:
        group['lr'] = group.get('initial_lr', group['lr'])
    fresh = _flat(runner.build_param_scheduler(copy.deepcopy(wanted)))
    steps = [
        runner.epoch if scheduler.by_epoch else runner.iter
        for scheduler in fresh
    ]
    for step in range(max(steps)):
        for scheduler, count in zip(fresh, steps):
            if step < count:
                scheduler.step()
    runner.param_schedulers = fresh
    _warn(f'The checkpoint was written by a training whose schedules end at '
          f'{before}, those of the config end at {after}. The learning rate '
          'continues as if the schedules of the config had been used from the '
          f'start (now {optimizer.param_groups[0]["lr"]:.3g}).')
    return True


def _end_of(config: dict, scheduler, epoch_length: int) -> int:
    """End of a schedule of the config, in steps of the resumed one."""
    end = config.get('end', scheduler.end)
    if config.get('convert_to_iter_based') and 'end' in config:
        return end * epoch_length
    return end


def _as_list(configs) -> list:
    if configs is None:
        return []
    return [configs] if isinstance(configs, dict) else [*configs]


def check_learning_rates_of_terms(model, optimizer) -> None:
    """Warns if parameters of terms learn more slowly than the decode head.

    Stock configs raise the learning rate of ``head`` in ``custom_keys``,
    which does not match the parameter names of a projector.

    Args:
        model (SemiEncoderDecoder): The segmentor.
        optimizer (Optimizer): Optimizer of the training.
    """
    if isinstance(optimizer, CompositeOptimizer):
        # parts with an optimizer of their own have their rate on purpose
        optimizer = next(iter(optimizer.optimizers.values()))
    rates = {
        id(parameter): group.get('initial_lr', group['lr'])
        for group in optimizer.param_groups for parameter in group['params']
    }
    heads = [rates[id(parameter)]
             for parameter in model.decode_head.parameters()
             if id(parameter) in rates]
    if not heads:
        return
    head = max(heads)
    for name, term in model.terms.items():
        if getattr(term, 'partner', None) is not None:
            continue  # a whole network, with a backbone of its own
        found = {rates[id(parameter)] for parameter in term.parameters()
                 if id(parameter) in rates}
        if found and max(found) < head:
            _warn(f'The parameters of model.terms.{name} learn at '
                  f'{max(found):.3g}, the decode head at {head:.3g}: the '
                  'names in optim_wrapper.paramwise_cfg.custom_keys do not '
                  f'match them. Add terms=dict(lr_mult='
                  f'{head / max(found):.3g}) to custom_keys if they should '
                  'learn as fast as the head.')


def check_custom_keys(runner) -> None:
    """Warns of ``custom_keys`` that match no parameter of the model.

    mmengine ignores a name in ``custom_keys`` that is part of no parameter's
    name without a message.

    Args:
        runner (Runner): Runner of the training.
    """
    keys = (runner.cfg.get('optim_wrapper') or {}).get('paramwise_cfg') or {}
    keys = keys.get('custom_keys') or {}
    names = [name for name, _ in bare_model(runner).named_parameters()]
    unused = [key for key, settings in keys.items()
              if dict(settings).get('lr_mult', 1) != 1
              and not any(key in name for name in names)]
    if unused:
        parts = sorted({name.split('.')[0] for name in names})
        _warn(f'No parameter name of the model contains {unused}: lr_mult '
              'of optim_wrapper.paramwise_cfg.custom_keys has no effect '
              f'there. The names begin with {", ".join(parts)}.')


def check_scaled_rate(runner, images_per_batch: List[int],
                      labeled: List[bool]) -> None:
    """Warns which images of a batch ``auto_scale_lr`` has counted.

    Args:
        runner (Runner): Runner of the training.
        images_per_batch (list[int]): Number of images of each source.
        labeled (list[bool]): Whether each source is labeled.
    """
    setting = runner.auto_scale_lr
    if not setting or not setting.get('enable'):
        return
    own = sum(number for number, yes in zip(images_per_batch, labeled) if yes)
    total = sum(images_per_batch)
    if own < total:
        _warn(f'auto_scale_lr compares base_batch_size='
              f'{setting["base_batch_size"]} with all {total} images of a '
              f'batch, of which {own} are labeled. If base_batch_size counts '
              'labeled images only, multiply it by '
              f'{total / own:.3g} to get the intended learning rate.')


def _flat(schedulers) -> list:
    if isinstance(schedulers, dict):
        return [one for each in schedulers.values() for one in each]
    return [*(schedulers or [])]


def _ends_at_zero(scheduler) -> bool:
    if not scheduler.param_name == 'lr':
        return False
    lowest = getattr(scheduler, 'eta_min', None)
    if lowest is None:
        lowest = getattr(scheduler, 'end_factor', 1.)
    return lowest == 0


def _warn(text: str) -> None:
    print_log(text, logger='current', level=logging.WARNING)
