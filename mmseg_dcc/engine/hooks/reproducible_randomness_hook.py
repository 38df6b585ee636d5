from functools import partial

import numpy as np
from mmengine.dataset import worker_init_fn
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, set_random_seed
from mmseg.registry import HOOKS

_EPOCH, _ITERATION = 0, 1


@HOOKS.register_module()
class ReproducibleRandomnessHook(Hook):
    """Makes all that is drawn depend on the position in the training alone.

    Crops, augmentation, dropout and choice of negatives are then the same
    whether or not a training was stopped and resumed on its way: on CPUs, and
    with as many processes and workers, it ends with the same bits. (mmengine
    seeds once at the start, so that a resumed run draws again what the first
    run drew at its beginning.) Keeps no state.

    With ``EpochBasedTrainLoop`` each epoch gets new workers, seeded by the
    epoch. With ``IterBasedTrainLoop`` mmengine reads the data again from the
    beginning when it resumes, which the workers' first seed makes exact;
    this needs ``num_workers`` of at least 1.

    Raises:
        ValueError: If ``train_dataloader.persistent_workers`` is set with
            ``EpochBasedTrainLoop``.

    Examples:
        >>> custom_hooks = [dict(type='ReproducibleRandomnessHook')]
    """

    def before_train(self, runner) -> None:
        """Refuses workers whose random state outlives an epoch."""
        if (isinstance(runner.train_loop, EpochBasedTrainLoop)
                and runner.train_dataloader.persistent_workers):
            raise ValueError(
                'ReproducibleRandomnessHook needs new workers in each epoch: '
                'set train_dataloader.persistent_workers=False, or remove '
                'the hook from default_hooks or custom_hooks.')

    def before_train_epoch(self, runner) -> None:
        """Seeds the workers of this epoch."""
        seed = _seed(runner, _EPOCH, runner.epoch)
        loader = runner.train_dataloader
        loader.worker_init_fn = partial(
            worker_init_fn,
            num_workers=loader.num_workers,
            rank=get_rank(),
            seed=seed)
        set_random_seed(seed)  # without workers the process itself draws

    def before_train_iter(self,
                          runner,
                          batch_idx: int,
                          data_batch=None) -> None:
        """Seeds what the model draws in this iteration."""
        set_random_seed(_seed(runner, _ITERATION, runner.iter))


def _seed(runner, kind: int, number: int) -> int:
    sequence = np.random.SeedSequence([runner.seed, get_rank(), kind, number])
    # NumPy takes 32 bits, and the number of the worker is still to be added.
    return int(sequence.generate_state(1)[0]) >> 1
