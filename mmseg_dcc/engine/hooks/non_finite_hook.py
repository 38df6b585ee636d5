import logging
from functools import partial
from math import inf, nan

import torch
from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapperDict
from mmseg.registry import HOOKS
from torch.nn.utils import clip_grad_norm_


@HOOKS.register_module()
class NonFiniteHook(Hook):
    """Hook that keeps NaN and infinity out of the weights.

    The gradients are checked before each update, after DDP has averaged them,
    so that all processes decide alike. An update with NaN or infinity is
    skipped, including momentum and weight decay. Then the training stops with
    an error that names the iteration, the losses and the images of the batch,
    or continues if ``max_skips`` allows.

    An infinite loss may have finite gradients (that of a score of 3e38). Its
    gradients are therefore set to NaN, which DDP carries to all processes.

    In mixed precision the loss scaler handles gradients that overflow and
    skips the update itself; here only a loss that is not finite counts. With
    gradient accumulation the loss is checked in each iteration.

    The host waits for the gradients once per iteration, as it does for the
    loss scaler of mixed precision. Needs torch >= 2.0.

    Args:
        max_skips (int): Number of updates that may be skipped in one run
            before the training stops. After a skipped update the buffers
            (batch statistics, memory bank) are restored. Defaults to 0.

    Raises:
        FloatingPointError: If more than ``max_skips`` updates are not finite.

    Examples:
        >>> custom_hooks = [dict(type='NonFiniteHook', max_skips=10)]
    """

    # before any EMA hook, which averages the buffers, too
    priority = 'ABOVE_NORMAL'

    def __init__(self, max_skips: int = 0) -> None:
        self.max_skips = max_skips
        self.skips = 0
        self._checked = self._refused = False
        self._buffers: list = []

    def before_train(self, runner) -> None:
        """Registers the check before each update."""
        wrapper = runner.optim_wrapper
        wrappers = (
            wrapper.values()
            if isinstance(wrapper, OptimWrapperDict) else [wrapper])
        for wrapper in wrappers:
            wrapper.backward = partial(_backward, wrapper.backward)
            wrapper.optimizer.register_step_pre_hook(self._check_gradients)

    def before_train_iter(self,
                          runner,
                          batch_idx: int,
                          data_batch=None) -> None:
        """Saves the buffers if the iteration may have to be undone."""
        if self.max_skips:
            self._buffers = [(buffer, buffer.clone())
                             for buffer in runner.model.buffers()]

    def _check_gradients(self, optimizer, args, kwargs) -> None:
        # the loss scaler handles the gradients of a fused optimizer
        if getattr(optimizer, 'found_inf', None) is not None:
            return
        parameters = [
            parameter for group in optimizer.param_groups
            for parameter in group['params']
        ]
        self._checked = True
        if not torch.isfinite(clip_grad_norm_(parameters, inf)):
            self._refused = True
            optimizer.zero_grad(set_to_none=True)  # step without effect

    def after_train_iter(self,
                         runner,
                         batch_idx: int,
                         data_batch=None,
                         outputs=None) -> None:
        """Stops the training, or logs the skipped update."""
        fine = self._checked and not self._refused
        refused, self._refused, self._checked = self._refused, False, False
        if fine:
            return
        # all processes reach this line or none
        keys = [
            key for key, value in outputs.items()
            if not torch.isfinite(torch.as_tensor(value)).all()
        ]
        found = all_gather_object((keys, _image_paths(data_batch)))
        if not refused and not any('loss' in key for keys, _ in found
                                   for key in keys):
            return  # skipped by the loss scaler, or gradient accumulation
        self.skips += 1
        message = _message(runner, found)
        if self.skips > self.max_skips:
            raise FloatingPointError(
                f'{message} The weights are those before this iteration. '
                f'{_HELP}')
        for buffer, before in self._buffers:
            buffer.copy_(before)
        print_log(
            f'{message} The update was skipped, {self.skips} of max_skips='
            f'{self.max_skips}.',
            logger='current',
            level=logging.WARNING)


_HELP = (
    'Likely causes: a learning rate that is too high '
    '(optim_wrapper.optimizer.lr; clip gradients with '
    'optim_wrapper.clip_grad=dict(max_norm=1.)), overflow in mixed precision '
    '(train without --amp), a checkpoint that holds NaN (load_from), or '
    'unusual values in one of these images. To skip such updates and '
    'continue, set max_skips of NonFiniteHook.')


def _backward(stock, loss: torch.Tensor, **kwargs) -> None:
    # a factor of one changes no bit, and the host need not wait
    one = torch.ones_like(loss)
    stock(loss * torch.where(loss.isfinite(), one, one * nan), **kwargs)


def _image_paths(data) -> list:
    """Paths of the samples anywhere in a batch of the data loader."""
    if hasattr(data, 'metainfo'):
        return [data.metainfo.get('img_path', '(path unknown)')]
    if isinstance(data, dict):
        data = data.values()
    elif not isinstance(data, (list, tuple)):
        return []
    return [path for part in data for path in _image_paths(part)]


def _message(runner, found: list) -> str:
    lines = [
        f'NaN or infinity in iteration {runner.iter + 1} (epoch '
        f'{runner.epoch + 1}):'
    ]
    for rank, (keys, paths) in enumerate(found):
        lines.append(f'process {rank}: {", ".join(keys) or "gradients only"};'
                     ' images:')
        lines += [f'  {path}' for path in paths]
    return '\n'.join(lines) + '\n'
