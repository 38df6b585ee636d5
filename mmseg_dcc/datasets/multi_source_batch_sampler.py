import math
from typing import Callable, Iterator, List, Optional, Sequence

import numpy as np
from mmengine.dist import get_dist_info
from mmseg.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from .plain_datasets import (
    plain_datasets,
    share_mask_ids,
    unlabeled_datasets,
)


@DATA_SAMPLERS.register_module()
class MultiSourceBatchSampler(Sampler):
    """Batch sampler that draws from several data sets in a fixed ratio.

    Each source is an endless stream of shuffled passes, divided among the
    ranks without overlap. No image is drawn for the (k+1)-th time before
    each was drawn k times. An epoch that is long enough to show every image
    of a source starts a new pass, and thus shows every image; a shorter epoch
    continues where the last one stopped. In both cases the position in the
    stream depends on the epoch only, so a resumed run needs no replay.

    A source is unlabeled if it consists of :class:`UnlabeledDataset`, wrapped
    or not. In the first ``warmup_iters`` iterations, which
    :class:`SupervisedWarmupHook` sets, batches hold labeled images only.

    Args:
        sampler (Sampler): Filled in by the runner from
            ``train_dataloader.sampler``: gives the data set, seed, epoch and
            whether to shuffle. Its own order is not used.
        batch_size (int): Filled in by the runner from
            ``train_dataloader.batch_size``: images per batch on one process,
            labeled plus unlabeled ones.
        source_ratio (Sequence[int]): Share of each source in a batch, in the
            order of ``dataset.datasets``. Defaults to (1, 1): as many labeled
            as unlabeled images, as in the paper (Sec. 4.1).
        epoch_length (int, optional): Iterations per epoch. Defaults to
            None: one pass over the source that takes longest. The published
            code uses 1157 on PASCAL VOC, whatever the split.

    Raises:
        TypeError: If the sampler has no epoch, seed or shuffle.
        ValueError: If the ratio does not fit the data sets or batch size, or
            a source mixes labeled and unlabeled data sets.

    Examples:
        >>> train_dataloader = dict(
        ...     batch_size=8,
        ...     sampler=dict(type='DefaultSampler', shuffle=True),
        ...     batch_sampler=dict(
        ...         type='MultiSourceBatchSampler', source_ratio=[1, 1]),
        ...     dataset=dict(
        ...         type='ConcatDataset',
        ...         ignore_keys=['classes', 'palette', 'label_map',
        ...                      'reduce_zero_label'],
        ...         datasets=[labeled_dataset, unlabeled_dataset]))
    """

    def __init__(self,
                 sampler: Sampler,
                 batch_size: int,
                 source_ratio: Sequence[int] = (1, 1),
                 epoch_length: Optional[int] = None) -> None:
        _check_sampler(sampler)
        ends = list(sampler.dataset.cumulative_sizes)
        self.first_indices = [0, *ends[:-1]]
        self.sizes = [b - a for a, b in zip(self.first_indices, ends)]
        self.is_unlabeled = _which_are_unlabeled(sampler.dataset.datasets)
        # here, since workers are forked before the first hook runs
        share_mask_ids(sampler.dataset)
        _check_shares(source_ratio, batch_size, self.sizes, self.is_unlabeled)
        if epoch_length is not None and epoch_length < 1:
            raise ValueError(f'batch_sampler.epoch_length={epoch_length} must '
                             'be positive, or None for one pass.')
        self.sampler = sampler
        self.batch_size = batch_size
        self.images_per_batch = [
            batch_size // sum(source_ratio) * share for share in source_ratio
        ]
        self.rank, self.world_size = get_dist_info()
        self.epoch_length = epoch_length or max(
            math.ceil(size / (own * self.world_size))
            for size, own in zip(self.sizes, self.images_per_batch) if own)
        self.warmup_iters = 0

    def __iter__(self) -> Iterator[List[int]]:
        """Batches of this rank in the epoch of ``sampler``."""
        first = self.sampler.epoch * self.epoch_length
        sources = [self._epoch_of_source(i) for i in range(len(self.sizes))]
        for iteration, batch in enumerate(zip(*sources), first):
            # read each time: the hook may set it after the first batches
            in_warmup = iteration < self.warmup_iters
            yield [
                index for indices, unlabeled in zip(batch, self.is_unlabeled)
                if not (unlabeled and in_warmup) for index in indices
            ]

    def __len__(self) -> int:
        """Number of batches of an epoch."""
        return self.epoch_length

    def _epoch_of_source(self, source: int) -> List[List[int]]:
        """Indices of one source in each batch of this rank."""
        size, own = self.sizes[source], self.images_per_batch[source]
        epoch, seed = self.sampler.epoch, self.sampler.seed

        def order(number: int) -> np.ndarray:
            if not self.sampler.shuffle:
                return np.arange(size)
            return np.random.default_rng([seed, source,
                                          number]).permutation(size)

        stream = draws_of_epoch(
            epoch, self.epoch_length * self.world_size * own, size, order)
        shared_out = stream.reshape(self.epoch_length, self.world_size, own)
        return (shared_out[:, self.rank] + self.first_indices[source]).tolist()


def draws_of_epoch(epoch: int, count: int, size: int,
                   order: Callable[[int], np.ndarray]) -> np.ndarray:
    """Slice of an endless stream of passes that one epoch draws.

    Args:
        epoch (int): Number of the epoch, from 0.
        count (int): Draws per epoch.
        size (int): Images of the source.
        order (callable): Maps the number of a pass to its order of all
            images.

    Returns:
        ndarray: Images in [0, size), shape (count, ).
    """
    if count == 0:
        return np.empty(0, np.int64)
    # epochs that show every image start a new pass
    stride = count if count < size else math.ceil(count / size) * size
    first = epoch * stride
    last = first + count
    passes = np.concatenate([
        order(number)
        for number in range(first // size, (last - 1) // size + 1)
    ])
    offset = first // size * size
    return passes[first - offset:last - offset]


def _check_sampler(sampler: Sampler) -> None:
    if not all(
            hasattr(sampler, key)
            for key in ('dataset', 'epoch', 'seed', 'shuffle')):
        raise TypeError(
            'MultiSourceBatchSampler uses the epoch, seed and shuffle of its '
            f'sampler, which {type(sampler).__name__} does not have. Set '
            "train_dataloader.sampler.type='DefaultSampler', also in an "
            'IterBasedTrainLoop.')
    dataset = sampler.dataset
    if not hasattr(dataset, 'cumulative_sizes'):
        raise ValueError(
            'MultiSourceBatchSampler needs a ConcatDataset of [labeled, '
            f'unlabeled], got {type(dataset).__name__}. Change '
            'train_dataloader.dataset.')
    if len(dataset) != dataset.cumulative_sizes[-1]:
        raise ValueError(
            'train_dataloader.num_batch_per_epoch drops the last images. '
            'Remove it and set batch_sampler.epoch_length.')


def _which_are_unlabeled(sources) -> List[bool]:
    kinds = []
    for number, source in enumerate(sources):
        count = len(unlabeled_datasets(source))
        if count not in (0, len(plain_datasets(source))):
            raise ValueError(
                f'train_dataloader.dataset.datasets[{number}] mixes labeled '
                'and unlabeled data sets. Make two entries of them, each with '
                'its own number in batch_sampler.source_ratio.')
        kinds.append(count > 0)
    return kinds


def _check_shares(ratio: Sequence[int], batch_size: int, sizes: List[int],
                  is_unlabeled: List[bool]) -> None:
    got = f'batch_sampler.source_ratio={list(ratio)}'
    if len(ratio) != len(sizes):
        raise ValueError(
            f'{got} must have one number for each of the {len(sizes)} data '
            'sets of train_dataloader.dataset.')
    if min(sizes) == 0:
        raise ValueError(
            f'The data sets have {sizes} images; none may be empty. Check '
            'ann_file and data_prefix of each data set.')
    if min(ratio) < 0:
        raise ValueError(f'{got} must not have negative numbers.')
    for kind, name in ((False, 'labeled'), (True, 'unlabeled')):
        shares = [r for r, found in zip(ratio, is_unlabeled) if found == kind]
        if shares and not any(shares):
            raise ValueError(
                f'{got} leaves no {name} image in a batch. Give these data '
                'sets a share, or remove them from train_dataloader.dataset.')
    if batch_size < 1 or batch_size % sum(ratio):
        raise ValueError(
            f'train_dataloader.batch_size={batch_size} cannot be divided in '
            f'the ratio {list(ratio)}; use a multiple of {sum(ratio)}.')
