"""Seeds of the data loader's workers that differ from epoch to epoch.

Workers end with each epoch of the sampler, and mmengine gives the new ones
the seeds of the old. With its ``IterBasedTrainLoop`` every pass over the
images would repeat the crops and the augmentation of the first.
"""
from functools import partial
from typing import Callable, Optional

import numpy as np
from mmengine.dataset import worker_init_fn
from mmengine.dist import get_rank
from torch.utils.data import DataLoader, Sampler

EPOCH, ITERATION = 0, 1


def seed_workers_by_epoch(loader: DataLoader, seed: int) -> None:
    """Seeding of workers by what they are: changes a loader in place.

    What a worker draws depends on the seed, the rank, the epoch that the
    sampler is in when the worker starts, and the number of the worker.
    Workers that run already are left alone. A ``worker_init_fn`` of the user
    is called after the seeding; mmengine's own is replaced. Calling this
    twice is calling it once.

    Args:
        loader (DataLoader): Its sampler counts its ``epoch``, as those of
            mmengine do. One that does not is in epoch 0 for ever.
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
        seed (int): Of the training, at least 0.
        rank (int): Of the process.
        kind (int): ``EPOCH`` or ``ITERATION``.
        number (int): Of the epoch or iteration, from 0.

    Returns:
        int: Below 2**31, so that the number of a worker can be added to it
        where NumPy takes 32 bits.
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
        # A worker has a copy of the sampler of the moment it was started.
        epoch = getattr(self.sampler, 'epoch', 0)
        worker_init_fn(
            worker_id,
            num_workers=self.num_workers,
            rank=self.rank,
            seed=position_seed(self.seed, self.rank, EPOCH, epoch),
            disable_subprocess_warning=self.quiet)
        if self.user_fn is not None:
            self.user_fn(worker_id)
