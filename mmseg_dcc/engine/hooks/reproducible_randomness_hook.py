from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, set_random_seed
from mmseg.registry import HOOKS

from ..worker_seeds import (
    EPOCH,
    ITERATION,
    position_seed,
    seed_workers_by_epoch,
)


@HOOKS.register_module()
class ReproducibleRandomnessHook(Hook):
    """Hook that derives every seed from seed, rank, epoch and iteration.

    Crops, augmentation, dropout and sampled negatives then do not depend on
    whether the training was stopped and resumed: on CPUs, and with the same
    number of processes and workers, it ends bit for bit the same. (mmengine
    seeds once at the start, so a resumed run repeats the random numbers of the
    first run's beginning.) The hook keeps no state.

    Each epoch of the sampler gets new workers, seeded by the epoch
    (:func:`seed_workers_by_epoch`). With ``IterBasedTrainLoop`` mmengine
    reads the data again from the beginning when it resumes, so the workers
    draw the same numbers again. This needs ``num_workers`` of at least 1.

    Raises:
        ValueError: If ``train_dataloader.persistent_workers`` is set with
            ``EpochBasedTrainLoop``.

    Examples:
        >>> custom_hooks = [dict(type='ReproducibleRandomnessHook')]
    """

    def before_train(self, runner) -> None:
        """Seeds the workers; raises if they outlive an epoch."""
        if (isinstance(runner.train_loop, EpochBasedTrainLoop)
                and runner.train_dataloader.persistent_workers):
            raise ValueError(
                'ReproducibleRandomnessHook needs new workers in each epoch: '
                'set train_dataloader.persistent_workers=False, or remove '
                'the hook from default_hooks or custom_hooks.')
        seed_workers_by_epoch(runner.train_dataloader, runner.seed)

    def before_train_epoch(self, runner) -> None:
        """Seeds the process, which loads the data without workers."""
        set_random_seed(_seed(runner, EPOCH, runner.epoch))

    def before_train_iter(self,
                          runner,
                          batch_idx: int,
                          data_batch=None) -> None:
        """Seeds the random numbers of the model in this iteration."""
        set_random_seed(_seed(runner, ITERATION, runner.iter))


def _seed(runner, kind: int, number: int) -> int:
    return position_seed(runner.seed, get_rank(), kind, number)
