"""Worker seeds of the data loader that differ from epoch to epoch.

Workers end with each epoch of the sampler, and mmengine gives the new ones
the same seeds again. With its ``IterBasedTrainLoop`` every pass over the
images would repeat the crops and the augmentation of the first pass.
"""
from functools import partial
from typing import Callable, Optional

import numpy as np
from mmengine.dataset import worker_init_fn
from mmengine.dist import get_rank
from torch.utils.data import DataLoader, Sampler

EPOCH, ITERATION = 0, 1


def seed_workers_by_epoch(loader: DataLoader, seed: int) -> None:
    """Makes the worker seeds of a loader depend on the epoch, in place.

    The seed of a worker is derived from the seed of the training, the rank,
    the epoch of the sampler when the worker starts, and the number of the
    worker. Running workers are not changed. A ``worker_init_fn`` of the user
    is called after the seeding; mmengine's own is replaced. A second call has
    no further effect.

    Args:
        loader (DataLoader): Loader whose sampler has an ``epoch``, as those
            of mmengine do. Other samplers count as always in epoch 0.
        seed (int): ``runner.seed``, at least 0.
    """
    user_fn = loader.worker_init_fn
    quiet = False
    if isinstance(user_fn, _SeedByEpoch):
        user_fn, quiet = user_fn.user_fn, user_fn.quiet
    elif isinstance(user_fn, partial) and user_fn.func is worker_init_fn:
        quiet = user_fn.keywords.get('disable_subprocess_warning', False)
        user_fn = None
    batch_sampler = loader.batch_sampler
    sampler = getattr(batch_sampler, 'sampler', batch_sampler)
    loader.worker_init_fn = _SeedByEpoch(
        loader.sampler if sampler is None else sampler, seed, get_rank(),
        loader.num_workers, user_fn, quiet)


def position_seed(seed: int, rank: int, kind: int, number: int) -> int:
    """Seed of a position in the training.

    Args:
        seed (int): Seed of the training, at least 0.
        rank (int): Rank of the process.
        kind (int): ``EPOCH`` or ``ITERATION``.
        number (int): Number of the epoch or iteration, from 0.

    Returns:
        int: Seed below 2**31, so that adding a worker number keeps it within
        the 32 bits of NumPy.
    """
    sequence = np.random.SeedSequence([seed, rank, kind, number])
    return int(sequence.generate_state(1)[0]) >> 1


class _SeedByEpoch:
    """Picklable ``worker_init_fn``; runs in the worker when it starts."""

    def __init__(self, sampler: Sampler, seed: int, rank: int,
                 num_workers: int, user_fn: Optional[Callable],
                 quiet: bool) -> None:
        self.sampler = sampler
        self.seed = seed
        self.rank = rank
        self.num_workers = num_workers
        self.user_fn = user_fn
        self.quiet = quiet

    def __call__(self, worker_id: int) -> None:
        # a worker has a copy of the sampler from the moment it was started
        epoch = getattr(self.sampler, 'epoch', 0)
        worker_init_fn(
            worker_id,
            num_workers=self.num_workers,
            rank=self.rank,
            seed=position_seed(self.seed, self.rank, EPOCH, epoch),
            disable_subprocess_warning=self.quiet)
        if self.user_fn is not None:
            self.user_fn(worker_id)
