import math
from typing import Iterator, List, Optional, Sequence

import torch
from mmengine.dist import get_dist_info, sync_random_seed
from mmseg.registry import DATA_SAMPLERS
from torch.utils.data import Sampler


class WarmupIndex(int):
    """Index drawn in the supervised warm-up: unlabeled images can be spared.

    It stays one when ``ConcatDataset`` makes it an index of its part. A data
    set that does not know it sees a number.
    """

    def __sub__(self, other: int) -> 'WarmupIndex':
        return WarmupIndex(int(self) - other)


@DATA_SAMPLERS.register_module()
class MultiSourceSampler(Sampler):
    """Fills every batch from several data sets in a fixed ratio.

    Each source is an endless stream of shuffled passes, shared out to the
    ranks without overlap. No image is drawn for the (k+1)-th time before
    each was drawn k times. An epoch that is long enough to see every image
    of a source begins with a new pass and so does see every one; a shorter
    epoch goes on where the last one stopped. Either way the position in the
    stream depends on the epoch alone, so that a resumed run needs no replay.

    Args:
        dataset (ConcatDataset): Its parts are the sources, labeled first.
        batch_size (int): Images of one batch on one process; must equal
            ``train_dataloader.batch_size``.
        source_ratio (Sequence[int]): Share of each source in a batch.
            Defaults to (1, 1): as many labeled as unlabeled images.
        epoch_length (int, optional): Iterations of one epoch. Defaults to
            None: one pass over the last source. The published code uses 1157
            on PASCAL VOC, whatever the split.
        shuffle (bool): Whether each pass is shuffled. Defaults to True.
        seed (int, optional): Filled in by the runner. Defaults to None: drawn
            once for all processes.

    Raises:
        ValueError: If the ratio does not fit the data sets or batch size.

    Examples:
        >>> train_dataloader = dict(
        ...     batch_size=8,
        ...     sampler=dict(
        ...         type='MultiSourceSampler', batch_size=8,
        ...         source_ratio=[1, 1], epoch_length=1157),
        ...     dataset=dict(
        ...         type='ConcatDataset',
        ...         ignore_keys=['classes', 'palette'],
        ...         datasets=[labeled_dataset, unlabeled_dataset]))
    """

    def __init__(self,
                 dataset,
                 batch_size: int,
                 source_ratio: Sequence[int] = (1, 1),
                 epoch_length: Optional[int] = None,
                 shuffle: bool = True,
                 seed: Optional[int] = None) -> None:
        if not hasattr(dataset, 'cumulative_sizes'):
            raise ValueError(
                'MultiSourceSampler needs a ConcatDataset of [labeled, '
                f'unlabeled], got {type(dataset).__name__}. Change '
                'train_dataloader.dataset.')
        ends = list(dataset.cumulative_sizes)
        self.first_indices = [0, *ends[:-1]]
        self.sizes = [b - a for a, b in zip(self.first_indices, ends)]
        if len(source_ratio) != len(self.sizes):
            raise ValueError(
                f'sampler.source_ratio={list(source_ratio)} must have one '
                f'number for each of the {len(self.sizes)} data sets.')
        if min(self.sizes) == 0:
            raise ValueError(
                f'The data sets have {self.sizes} images; none may be empty. '
                'Check ann_file and data_prefix of each data set.')
        if min(source_ratio) < 0 or source_ratio[-1] < 1:
            raise ValueError(
                f'sampler.source_ratio={list(source_ratio)} must not have '
                'negative numbers, nor 0 for the unlabeled images.')
        if epoch_length is not None and epoch_length < 1:
            raise ValueError(f'sampler.epoch_length={epoch_length} must be '
                             'positive, or None for one pass.')
        if batch_size < 1 or batch_size % sum(source_ratio):
            raise ValueError(
                f'sampler.batch_size={batch_size} cannot be shared out in '
                f'the ratio {list(source_ratio)}; use a multiple of '
                f'{sum(source_ratio)}.')
        unit = batch_size // sum(source_ratio)
        self.batch_size = batch_size
        self.source_ratio = list(source_ratio)
        self.images_per_batch = [unit * share for share in source_ratio]
        self.rank, self.world_size = get_dist_info()
        self.epoch_length = epoch_length or math.ceil(
            self.sizes[-1] / (self.images_per_batch[-1] * self.world_size))
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.epoch = 0
        # Set by SupervisedWarmupHook; iterations of this sampler.
        self.warmup_iters = 0

    def __iter__(self) -> Iterator[int]:
        streams = [self._epoch_of_source(i) for i in range(len(self.sizes))]
        first = self.epoch * self.epoch_length
        for iteration, batch in enumerate(zip(*streams), first):
            kind = WarmupIndex if iteration < self.warmup_iters else int
            for indices in batch:
                yield from map(kind, indices)

    def __len__(self) -> int:
        """Number of images that one process gets in one epoch."""
        return self.epoch_length * self.batch_size

    def set_epoch(self, epoch: int) -> None:
        """Moves to the beginning of an epoch, counted from 0."""
        self.epoch = epoch

    def _epoch_of_source(self, source: int) -> List[list]:
        """Indices of one source for each iteration, this rank's part."""
        size, own = self.sizes[source], self.images_per_batch[source]
        step = own * self.world_size
        drawn = self.epoch_length * step
        stride = drawn if drawn < size else math.ceil(drawn / size) * size
        first = self.epoch * stride
        last = first + drawn
        passes = torch.cat([
            self._pass(source, number)
            for number in range(first // size, (last - 1) // size + 1)
        ]) if own else torch.empty(0, dtype=torch.long)
        offset = first // size * size
        stream = passes[first - offset:last - offset] + (
            self.first_indices[source])
        return stream.view(self.epoch_length, self.world_size,
                           own)[:, self.rank].tolist()

    def _pass(self, source: int, number: int) -> torch.Tensor:
        """Order of one pass over a source."""
        size = self.sizes[source]
        if not self.shuffle:
            return torch.arange(size)
        generator = torch.Generator()
        # Distinct for each (seed, source, pass) a training can reach.
        generator.manual_seed((self.seed + 1) * 2**24 + source * 2**20 +
                              number)
        return torch.randperm(size, generator=generator)
