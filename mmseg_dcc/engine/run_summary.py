"""Summary lines that are logged before a training or a test."""
import os
from collections.abc import Sized
from typing import List, Optional

import torch
from mmengine.dist import get_world_size
from mmengine.runner import EpochBasedTrainLoop

from ..datasets.multi_source_batch_sampler import MultiSourceBatchSampler
from ..models.head_checks import as_list
from ..utils.bare_model import bare_model


def training_summary(runner) -> List[str]:
    """Summary lines of a training.

    Args:
        runner (Runner): Runner at the beginning of its training.

    Returns:
        list[str]: Network, terms, images, schedule, validation, device and
        checkpoints. Lines that do not apply are left out.
    """
    found = (network(bare_model(runner)), terms(bare_model(runner)),
             images(runner.train_dataloader), schedule(runner),
             validation(runner), device(runner), checkpoints(runner))
    return [line for line in found if line]


def test_summary(runner) -> List[str]:
    """Summary lines of a test.

    Args:
        runner (Runner): Runner at the beginning of its test.
    """
    loader = runner.test_dataloader
    model = bare_model(runner)
    return [
        # model of test-time augmentation
        network(getattr(model, 'module', model)),
        f'Test: {_count(loader.dataset)} images.',
        device(runner)
    ]


def network(model: torch.nn.Module) -> str:
    """Network and number of its parameters, in millions."""
    parts = [getattr(model, 'backbone', None),
             *as_list(getattr(model, 'decode_head', None))]
    names = ' + '.join(type(part).__name__ for part in parts
                       if part is not None)
    parameters = list(model.parameters())
    total = sum(each.numel() for each in parameters)
    trained = sum(each.numel() for each in parameters if each.requires_grad)
    return (f'Network: {type(model).__name__}' + (names and f' of {names}')
            + f', {total / 1e6:.2f} M parameters'
            + (f', {trained / 1e6:.2f} M of them trained'
               if trained < total else '') + '.')


def terms(model: torch.nn.Module) -> Optional[str]:
    """Terms of the unsupervised loss and their first iteration."""
    found = getattr(model, 'terms', None)
    if not found:
        return None
    warmup = getattr(model, 'warmup_iters', 0)
    names = ', '.join(f'{name} ({type(term).__name__})'
                      for name, term in found.items())
    return (f'Terms: {names}, '
            f'from iteration {warmup + 1} on' + (
                ', after the supervised warm-up.' if warmup else '.'))


def images(loader) -> Optional[str]:
    """Images of a supervised training; the semi checks log those of others."""
    if isinstance(loader.batch_sampler, MultiSourceBatchSampler):
        return None
    return (f'Images: {_count(loader.dataset)} labeled; {loader.batch_size} '
            f'a batch on each of {get_world_size()} process(es).')


def schedule(runner) -> str:
    """Length, optimizer and initial learning rates."""
    by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
    text = f'Schedule: {runner.max_iters} iterations'
    if by_epoch:
        text += f' in {runner.max_epochs} epochs'
    if runner.iter:
        text += f', of which {runner.iter} are done'
    optimizer = getattr(runner.optim_wrapper, 'optimizer', None)
    groups = getattr(optimizer, 'param_groups', ())
    rates = sorted({
        group.get('initial_lr', group.get('lr', 0.)) for group in groups
    })
    if rates:
        text += f'; {type(optimizer).__name__}, learning rate ' + (
            f'{rates[0]:.3g}' if len(rates) == 1 else
            f'{rates[0]:.3g} to {rates[-1]:.3g}')
    return text + '.'


def validation(runner) -> str:
    """Number of validation images and validation interval."""
    if runner.val_loop is None:
        return 'Validation: none.'
    by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
    interval = getattr(runner.train_loop, 'val_interval', None)
    return (f'Validation: {_count(runner.val_dataloader.dataset)} images' +
            _every(interval, by_epoch) + '.')


def device(runner) -> str:
    """Device, number of processes and precision."""
    world = get_world_size()
    first = next(bare_model(runner).parameters(), torch.empty(0)).device
    if first.type == 'cuda':
        properties = torch.cuda.get_device_properties(first)
        name = (f'{properties.name}, '
                f'{properties.total_memory / 2**30:.0f} GiB')
    elif first.type == 'cpu':
        name = (f'CPU, {torch.get_num_threads()} thread(s) of '
                f'{os.cpu_count()} core(s)')
    else:
        name = str(first)
    mixed = 'Amp' in type(getattr(runner, 'optim_wrapper', None)).__name__
    return (f'Device: {name}' + (f', {world} processes' if world > 1 else '')
            + (', mixed precision.' if mixed else '.'))


def checkpoints(runner) -> str:
    """Folder and interval of the checkpoints."""
    hook = next((each for each in runner.hooks
                 if hasattr(each, 'save_best')), None)
    if hook is None:
        return 'Checkpoints: none, the config has no default_hooks.checkpoint.'
    every = _every(getattr(hook, 'interval', 0), hook.by_epoch)
    best = hook.save_best
    return (f'Checkpoints: {runner.work_dir},{every or " at the end"}'
            + (f', and the best by {best}.' if best else '.'))


def _every(interval: Optional[int], by_epoch: bool) -> str:
    if not interval or interval < 0:
        return ''
    unit = 'epoch' if by_epoch else 'iteration'
    return f' every {unit}' if interval == 1 else f' every {interval} {unit}s'


def _count(dataset) -> str:
    return str(len(dataset)) if isinstance(dataset, Sized) else 'unknown'
