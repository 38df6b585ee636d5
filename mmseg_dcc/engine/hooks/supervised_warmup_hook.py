import logging
from typing import Optional

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop
from mmseg.registry import HOOKS

from ...utils.bare_model import bare_model
from ..semi_checks import check_semi_training
from ..worker_seeds import seed_workers_by_epoch


@HOOKS.register_module()
class SupervisedWarmupHook(Hook):
    """Hook that trains with the supervised loss only at first (Sec. 4.1).

    Every semi-supervised training needs this hook. It also passes the
    iteration to the terms, runs all checks before the first iteration, and
    gives each epoch of the sampler its own augmentation. Methods without a
    warm-up set ``warmup_iters=0``.

    The hook keeps no state: the runner's iteration or epoch decides whether
    the terms are active, also after a resume. Before that, unlabeled images
    are neither loaded nor passed through the network. (An
    ``IterBasedTrainLoop`` fetches its first batches before any hook runs;
    the few images of these are loaded.)

    Args:
        warmup_epochs (int, optional): Epochs without the terms. Defaults to
            None; the paper uses 5 of 80.
        warmup_iters (int, optional): Iterations without the terms, instead of
            epochs. Defaults to None.

    Raises:
        ValueError: If not exactly one of the two is given, or epochs are
            given to a loop that does not count them.

    Examples:
        >>> custom_hooks = [dict(type='SupervisedWarmupHook', warmup_epochs=5)]
    """

    def __init__(self,
                 warmup_epochs: Optional[int] = None,
                 warmup_iters: Optional[int] = None) -> None:
        if (warmup_epochs is None) == (warmup_iters is None):
            raise ValueError(
                'SupervisedWarmupHook needs either warmup_epochs or '
                f'warmup_iters; got warmup_epochs={warmup_epochs}, '
                f'warmup_iters={warmup_iters}.')
        if (warmup_epochs or warmup_iters or 0) < 0:
            raise ValueError(
                'SupervisedWarmupHook: warmup_epochs and warmup_iters must '
                'not be negative, got '
                f'{warmup_epochs or warmup_iters}.')
        self.warmup_epochs = warmup_epochs
        self.warmup_iters = warmup_iters

    def before_train(self, runner) -> None:
        """Checks loop, model and data; passes the warm-up to the sampler."""
        by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
        if self.warmup_epochs is not None and not by_epoch:
            raise ValueError(
                f'SupervisedWarmupHook.warmup_epochs={self.warmup_epochs} '
                f'needs an EpochBasedTrainLoop, but '
                f'{type(runner.train_loop).__name__} does not count epochs. '
                'Give warmup_iters instead, or change train_cfg.type.')
        check_semi_training(runner)
        self._warn_of_endless_warmup(runner)
        loader = runner.train_dataloader
        seed_workers_by_epoch(loader, runner.seed)
        # The sampler counts from its first epoch, the runner from where it
        # was stopped, and an interrupted epoch is repeated from its start.
        repeated = 0
        if by_epoch and self.warmup_epochs is None:
            repeated = runner.iter - runner.epoch * len(loader)
        warmup_iters = self._in_iterations(runner)
        loader.batch_sampler.warmup_iters = warmup_iters - repeated
        bare_model(runner).warmup_iters = warmup_iters
        bare_model(runner).max_iters = runner.max_iters

    def _in_iterations(self, runner) -> int:
        if self.warmup_epochs is not None:
            return self.warmup_epochs * len(runner.train_dataloader)
        return self.warmup_iters

    def _warn_of_endless_warmup(self, runner) -> None:
        warmup_iters, total = self._in_iterations(runner), runner.max_iters
        if warmup_iters and warmup_iters >= total:
            print_log(
                f'The supervised warm-up has {warmup_iters} iterations, the '
                f'whole training {total}: no term will be active and no '
                'unlabeled image will be used. Shorten SupervisedWarmupHook.'
                f'{"warmup_iters" if self.warmup_epochs is None else ""}'
                f'{"warmup_epochs" if self.warmup_iters is None else ""}, or '
                'train longer.',
                logger='current',
                level=logging.WARNING)

    def before_train_iter(self,
                          runner,
                          batch_idx: int,
                          data_batch=None) -> None:
        """Switches the terms on or off and sets their iteration."""
        if self.warmup_epochs is not None:
            enabled = runner.epoch >= self.warmup_epochs
        else:
            enabled = runner.iter >= self.warmup_iters
        model = bare_model(runner)
        if enabled and not model.unsup_enabled:
            print_log(
                f'Supervised warm-up ends at iteration {runner.iter}: the '
                'unsupervised losses are on.',
                logger='current')
        model.unsup_enabled = enabled
        model.iteration = runner.iter
