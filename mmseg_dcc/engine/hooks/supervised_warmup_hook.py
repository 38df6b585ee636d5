from typing import Optional

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop
from mmseg.registry import HOOKS

from ...datasets.checks import (
    check_semi_dataloader,
    check_weak_masks,
    paired_crop,
)


@HOOKS.register_module()
class SupervisedWarmupHook(Hook):
    """Trains with the supervised loss alone at first (Sec. 4.1).

    Keeps no state: whether the unsupervised branch is on follows from the
    runner's iteration or epoch, so it is right after a resume, too. While it
    is off, unlabeled images are neither loaded nor put through the network.
    (An ``IterBasedTrainLoop`` fetches its first batches before any hook runs;
    these few are loaded.) Before training the hook also checks that sampler
    and data loader fit together.

    Args:
        warmup_epochs (int, optional): Epochs without the unsupervised branch.
            Defaults to None; the paper uses 5 of 80.
        warmup_iters (int, optional): The same in iterations; give one of the
            two. Defaults to None.

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
                'SupervisedWarmupHook needs warmup_epochs or warmup_iters, '
                f'one of the two; got warmup_epochs={warmup_epochs}, '
                f'warmup_iters={warmup_iters}.')
        if (warmup_epochs or warmup_iters or 0) < 0:
            raise ValueError('SupervisedWarmupHook: the warm-up must not be '
                             'negative.')
        self.warmup_epochs = warmup_epochs
        self.warmup_iters = warmup_iters

    def before_train(self, runner) -> None:
        """Checks the loop, the model, the data loader and the crops."""
        if self.warmup_epochs is not None and not isinstance(
                runner.train_loop, EpochBasedTrainLoop):
            raise ValueError(
                f'SupervisedWarmupHook.warmup_epochs={self.warmup_epochs} '
                f'needs an EpochBasedTrainLoop, but '
                f'{type(runner.train_loop).__name__} does not count epochs. '
                'Give warmup_iters instead, or change train_cfg.type.')
        if not hasattr(_bare_model(runner), 'unsup_enabled'):
            raise TypeError(
                'SupervisedWarmupHook needs a semi-supervised segmentor such '
                f'as DCCSegmentor, got {type(_bare_model(runner)).__name__}. '
                'Change model.type or remove the hook from custom_hooks.')
        check_semi_dataloader(runner.train_dataloader)
        check_weak_masks(runner.train_dataloader.dataset,
                         hasattr(_bare_model(runner), 'weak_classifier'))
        crop = paired_crop(runner.train_dataloader.dataset)
        if crop and hasattr(_bare_model(runner), 'check_crops'):
            _bare_model(runner).check_crops(crop.crop_size, crop.stride,
                                            crop.iou_range)
        sampler = runner.train_dataloader.sampler
        sampler.warmup_iters = self._warmup_iters_of(sampler, runner)

    def _warmup_iters_of(self, sampler, runner) -> int:
        """The warm-up in iterations of the sampler.

        It counts from the first epoch on, the runner from where it was
        stopped, and an epoch that was stopped half-way begins anew.
        """
        if self.warmup_epochs is not None:
            return self.warmup_epochs * sampler.epoch_length
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            repeated = runner.iter - runner.epoch * sampler.epoch_length
            return self.warmup_iters - repeated
        return self.warmup_iters

    def before_train_iter(self,
                          runner,
                          batch_idx: int,
                          data_batch=None) -> None:
        """Switches the unsupervised branch."""
        if self.warmup_epochs is not None:
            enabled = runner.epoch >= self.warmup_epochs
        else:
            enabled = runner.iter >= self.warmup_iters
        model = _bare_model(runner)
        if enabled and not model.unsup_enabled:
            print_log(
                f'Supervised warm-up ends at iteration {runner.iter}: the '
                'unsupervised loss is on.',
                logger='current')
        model.unsup_enabled = enabled


def _bare_model(runner):
    return runner.model.module if is_model_wrapper(
        runner.model) else runner.model
