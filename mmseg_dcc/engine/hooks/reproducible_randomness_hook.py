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
    """Makes all that is drawn depend on the position in the training alone.

    Crops, augmentation, dropout and choice of negatives are then the same
    whether or not a training was stopped and resumed on its way: on CPUs, and
    with as many processes and workers, it ends with the same bits. (mmengine
    seeds once at the start, so that a resumed run draws again what the first
    run drew at its beginning.) Keeps no state.

    Each epoch of the sampler gets new workers, seeded by the epoch
    (:func:`seed_workers_by_epoch`). With ``IterBasedTrainLoop`` mmengine
    reads the data again from the beginning when it resumes, which makes them
    draw the same again; this needs ``num_workers`` of at least 1.

    Raises:
        ValueError: If ``train_dataloader.persistent_workers`` is set with
            ``EpochBasedTrainLoop``.

    Examples:
        >>> custom_hooks = [dict(type='ReproducibleRandomnessHook')]
    """

    def before_train(self, runner) -> None:
        """Seeds the workers, and refuses those that outlive an epoch."""
        if (isinstance(runner.train_loop, EpochBasedTrainLoop)
                and runner.train_dataloader.persistent_workers):
            raise ValueError(
                'ReproducibleRandomnessHook needs new workers in each epoch: '
                'set train_dataloader.persistent_workers=False, or remove '
                'the hook from default_hooks or custom_hooks.')
        seed_workers_by_epoch(runner.train_dataloader, runner.seed)

    def before_train_epoch(self, runner) -> None:
        """Seeds what the process itself draws without workers."""
        set_random_seed(_seed(runner, EPOCH, runner.epoch))

    def before_train_iter(self,
                          runner,
                          batch_idx: int,
                          data_batch=None) -> None:
        """Seeds what the model draws in this iteration."""
        set_random_seed(_seed(runner, ITERATION, runner.iter))


def _seed(runner, kind: int, number: int) -> int:
    return position_seed(runner.seed, get_rank(), kind, number)
