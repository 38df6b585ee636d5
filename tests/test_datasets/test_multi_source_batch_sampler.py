"""Tests of ``mmseg_dcc/datasets/multi_source_batch_sampler.py``."""
from collections import Counter
from contextlib import contextmanager
from types import SimpleNamespace
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmengine.dataset import DefaultSampler, InfiniteSampler
from mmengine.runner import Runner
from mmseg.registry import DATA_SAMPLERS
from torch.utils.data import ConcatDataset, DataLoader

from mmseg_dcc.datasets import (
    MultiSourceBatchSampler,
    UnlabeledDataset,
    multi_source_batch_sampler,
)


class Labeled:
    """Data set of numbers instead of images."""

    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return index


class Unlabeled(Labeled, UnlabeledDataset):
    """Data set of the type that counts as unlabeled."""


@contextmanager
def process(rank, world_size):
    with mock.patch.object(multi_source_batch_sampler, 'get_dist_info',
                           lambda: (rank, world_size)):
        yield


def joined(sizes, unlabeled=1):
    """Data sets of which the last ``unlabeled`` are unlabeled."""
    labeled = len(sizes) - unlabeled
    return ConcatDataset([Labeled(size) for size in sizes[:labeled]] +
                         [Unlabeled(size) for size in sizes[labeled:]])


def make(sizes,
         batch_size=4,
         rank=0,
         world_size=1,
         seed=0,
         shuffle=True,
         unlabeled=1,
         **kwargs):
    sampler = DefaultSampler(
        joined(sizes, unlabeled), seed=seed, shuffle=shuffle)
    with process(rank, world_size):
        return MultiSourceBatchSampler(sampler, batch_size, **kwargs)


def batches(batch_sampler, epoch=0):
    """Batches of one epoch."""
    batch_sampler.sampler.set_epoch(epoch)
    drawn = list(batch_sampler)
    assert len(drawn) == len(batch_sampler) == batch_sampler.epoch_length
    return drawn


def source_of(index, sizes):
    for source, size in enumerate(sizes):
        if index < size:
            return source
        index -= size
    raise AssertionError('index beyond the last source')


def drawn(sampler, sizes, source, epoch=0):
    """Indices of one source in the order of an epoch."""
    return [
        index for batch in batches(sampler, epoch) for index in batch
        if source_of(index, sizes) == source
    ]


@st.composite
def situations(draw):
    count = draw(st.integers(1, 3))
    ratio = draw(st.lists(st.integers(1, 3), min_size=count, max_size=count))
    return dict(
        sizes=draw(
            st.lists(st.integers(1, 30), min_size=count, max_size=count)),
        source_ratio=ratio,
        batch_size=sum(ratio) * draw(st.integers(1, 3)),
        world_size=draw(st.integers(1, 3)),
        epoch_length=draw(st.one_of(st.none(), st.integers(1, 12))),
        seed=draw(st.integers(0, 2**32 - 1)),
        unlabeled=draw(st.integers(0, count - 1)))


@settings(max_examples=80)
@given(situations())
def test_ratio_in_every_batch(situation):
    sampler = make(**situation)
    unit = sampler.batch_size // sum(situation['source_ratio'])
    for batch in batches(sampler, 1):
        sources = [source_of(index, situation['sizes']) for index in batch]
        # one source after the other, labeled first
        assert sources == sorted(sources)
        assert [sources.count(i) for i in range(len(situation['sizes']))] == [
            unit * share for share in situation['source_ratio']
        ]


def streams(situation, epochs):
    """Images of each source in each epoch, of all ranks, as drawn."""
    sizes = situation['sizes']
    ranks = [
        make(rank=rank, **situation) for rank in range(situation['world_size'])
    ]
    drawn_by_epoch = []
    for epoch in range(epochs):
        by_source = [[] for _ in sizes]
        for step in zip(*(batches(sampler, epoch) for sampler in ranks)):
            for batch in step:
                for index in batch:
                    by_source[source_of(index, sizes)].append(index)
        drawn_by_epoch.append(by_source)
    return drawn_by_epoch


def check_passes(stream, first, size):
    everything = set(range(first, first + size))
    passes = [stream[i:i + size] for i in range(0, len(stream), size)]
    for one in passes[:-1]:
        assert set(one) == everything
    assert len(set(passes[-1])) == len(passes[-1])


@settings(max_examples=80)
@given(situations())
def test_no_image_is_drawn_again_before_all_were(situation):
    epochs = streams(situation, 3)
    first = 0
    for source, size in enumerate(situation['sizes']):
        parts = [by_source[source] for by_source in epochs]
        if len(parts[0]) < size:
            check_passes(sum(parts, []), first, size)
        else:
            for part in parts:
                check_passes(part, first, size)
        first += size


@settings(max_examples=40)
@given(situations())
def test_two_processes_share_the_stream_of_one(situation):
    situation = dict(situation, world_size=2, epoch_length=4)
    shared = streams(situation, 2)
    alone = streams(
        dict(
            situation,
            world_size=1,
            batch_size=2 * situation['batch_size']), 2)
    assert shared == alone


@pytest.mark.parametrize('epoch', [0, 1, 5])
@pytest.mark.parametrize('world_size', [1, 2, 4])
@pytest.mark.parametrize('unlabeled', [16, 17, 24, 31])
def test_every_unlabeled_image_in_every_epoch(unlabeled, world_size, epoch):
    sizes = (3, unlabeled)
    ranks = [
        make(sizes, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    counts = Counter()
    for sampler in ranks:
        counts.update(drawn(sampler, sizes, 1, epoch))
    assert set(counts) == set(range(3, 3 + unlabeled))
    step = 2 * world_size
    # the last batch is filled up with images of the next pass
    assert sum(counts.values()) - unlabeled == -unlabeled % step
    assert max(counts.values()) == (1 if unlabeled % step == 0 else 2)


@pytest.mark.parametrize('epoch', range(3))
def test_every_epoch_is_one_pass_if_the_size_divides(epoch):
    sizes = (3, 12)
    assert sorted(drawn(make(sizes), sizes, 1, epoch)) == list(range(3, 15))


def test_ranks_are_disjoint():
    sizes = (24, 24)
    ranks = [set().union(*batches(make(sizes, rank=rank, world_size=3)))
             for rank in range(3)]
    assert set().union(*ranks) == set(range(48))
    assert sum(map(len, ranks)) == 48


class TestSeed:

    SIZES = (7, 20)

    def test_same_seed(self):
        assert batches(make(self.SIZES), 3) == batches(make(self.SIZES), 3)

    def test_other_seeds_epochs_and_sources_differ(self):
        orders = [
            drawn(make((20, 20), seed=seed), (20, 20), source, epoch)
            for seed in (0, 1) for source in (0, 1) for epoch in (0, 1)
        ]
        relative = {tuple(index % 20 for index in order) for order in orders}
        assert len(relative) == len(orders)

    def test_all_bits_count(self):
        # torch's generator takes no more than 32 bits
        assert len({
            str(batches(make(self.SIZES, seed=seed)))
            for seed in (0, 2**8, 2**16, 2**31)
        }) == 4

    def test_order_without_shuffling(self):
        sampler = make((3, 4), shuffle=False)
        assert batches(sampler, 0) == [[0, 1, 3, 4], [2, 0, 5, 6]]
        assert batches(sampler, 1) == batches(sampler, 0)


@settings(max_examples=40)
@given(situations(), st.integers(0, 4))
def test_resumed_epoch_equals_the_consecutive_one(situation, epoch):
    consecutive = make(**situation)
    for number in range(epoch + 1):
        wanted = batches(consecutive, number)
    assert batches(make(**situation), epoch) == wanted


def test_epoch_is_repeated_until_the_next_is_set():
    sampler = make((5, 12))
    assert list(sampler) == list(sampler) != batches(sampler, 1)


class TestLength:

    @pytest.mark.parametrize('sizes, world_size, length', [
        ((5, 12), 1, 6),
        ((5, 13), 1, 7),
        ((5, 12), 3, 2),
        ((5, 13), 3, 3),
        ((1, 1), 4, 1),
        # never less than a pass over the labeled images
        ((1000, 5), 1, 500),
        ((1000, 5), 2, 250),
    ])
    def test_one_pass_over_the_longest_by_default(self, sizes, world_size,
                                                  length):
        sampler = make(sizes, world_size=world_size)
        assert sampler.epoch_length == len(sampler) == length

    def test_longest_in_iterations_not_in_images(self):
        sampler = make((10, 20), source_ratio=[1, 3])
        assert sampler.epoch_length == 10

    def test_given(self):
        sampler = make((5, 12), epoch_length=17, world_size=2)
        assert len(batches(sampler)) == 17

    def test_of_the_data_loader(self):
        sampler = make((5, 12), epoch_length=9)
        loader = DataLoader(joined((5, 12)), batch_sampler=sampler)
        seen = [batch.tolist() for batch in loader]
        assert len(loader) == len(seen) == 9
        for batch in seen:
            assert len(batch) == 4 and max(batch[:2]) < 5

    def test_tiny_labeled_set_under_a_long_epoch(self):
        sizes = (1, 3)
        sampler = make(sizes, epoch_length=500)
        assert drawn(sampler, sizes, 0, 7) == [0] * 1000


def test_labeled_images_alone():
    sampler = make((6, ), batch_size=3, source_ratio=[1], unlabeled=0)
    sampler.warmup_iters = 1
    first, second = batches(sampler)
    assert sorted(first + second) == list(range(6))


def test_several_sources_of_each_kind():
    sizes = (4, 5, 12, 6)
    sampler = make(
        sizes, batch_size=14, source_ratio=[1, 2, 3, 1], unlabeled=2)
    assert sampler.images_per_batch == [2, 4, 6, 2]
    assert sampler.is_unlabeled == [False, False, True, True]
    assert sampler.epoch_length == 3
    assert set(drawn(sampler, sizes, 3)) == set(range(21, 27))


def test_source_without_a_share_is_not_drawn():
    sampler = make((40, 4, 6), source_ratio=[0, 1, 1])
    assert sampler.epoch_length == 3
    assert set(sum(batches(sampler), [])) == set(range(40, 50))


class TestWarmup:

    @settings(max_examples=40)
    @given(situations(), st.integers(0, 40))
    def test_first_iterations_have_the_labeled_images_alone(
            self, situation, warmup_iters):
        sampler, plain = make(**situation), make(**situation)
        sampler.warmup_iters = warmup_iters
        first_unlabeled = sum(
            situation['sizes'][:len(situation['sizes']) -
                               situation['unlabeled']])
        iteration = 0
        for epoch in range(3):
            for got, batch in zip(
                    batches(sampler, epoch), batches(plain, epoch)):
                if iteration < warmup_iters:
                    batch = [i for i in batch if i < first_unlabeled]
                assert got == batch
                iteration += 1

    def test_length_may_be_set_after_the_first_batches(self):
        sampler = make((4, 8))
        iterator = iter(sampler)
        assert len(next(iterator)) == 4
        sampler.warmup_iters = 3
        assert [len(batch) for batch in iterator] == [2, 2, 4]


class TestWhichSourcesAreUnlabeled:

    @staticmethod
    def kinds(*sources):
        dataset = ConcatDataset(sources)
        return MultiSourceBatchSampler(
            DefaultSampler(dataset, seed=0),
            batch_size=len(sources),
            source_ratio=[1] * len(sources)).is_unlabeled

    def test_inside_of_wrappers(self):
        wrapped = SimpleNamespace(dataset=Unlabeled(3))
        nested = ConcatDataset(
            [Unlabeled(2), ConcatDataset([Unlabeled(1)])])
        nested.datasets.append(wrapped)
        assert self.kinds(
            ConcatDataset([Labeled(2), Labeled(3)]), nested,
            Labeled(1)) == [False, True, False]

    def test_mixed_source_is_refused(self):
        mixed = ConcatDataset([Labeled(2), ConcatDataset([Unlabeled(2)])])
        with pytest.raises(ValueError, match=r'datasets\[1\] mixes'):
            self.kinds(Labeled(2), mixed)


class TestBuiltByTheRunner:

    @staticmethod
    def loader(**kwargs):
        return Runner.build_dataloader(
            dict(
                batch_size=8,
                dataset=joined((5, 12)),
                sampler=dict(type='DefaultSampler', shuffle=True),
                batch_sampler=dict(
                    type='MultiSourceBatchSampler', source_ratio=[1, 3]),
                **kwargs),
            seed=3)

    def test_from_the_config(self):
        loader = self.loader()
        sampler = loader.batch_sampler
        assert isinstance(sampler, MultiSourceBatchSampler)
        assert sampler.images_per_batch == [2, 6]
        assert (sampler.sampler.seed, sampler.batch_size) == (3, 8)
        # what the loops of mmengine look for
        assert not hasattr(loader.sampler, 'set_epoch')
        loader.batch_sampler.sampler.set_epoch(1)
        wanted = make((5, 12), 8, source_ratio=[1, 3], seed=3)
        assert list(sampler) == batches(wanted, 1)

    def test_number_of_batches_has_another_key(self):
        with pytest.raises(ValueError, match='num_batch_per_epoch.*Remove'):
            self.loader(num_batch_per_epoch=1)


def test_registered():
    assert DATA_SAMPLERS.get(
        'MultiSourceBatchSampler') is MultiSourceBatchSampler


@pytest.mark.parametrize('sizes, kwargs, message', [
    ((4, 4), dict(source_ratio=[1]), r'source_ratio=\[1\].*2 data sets'),
    ((4, 4), dict(source_ratio=[1, 1, 1]), 'source_ratio'),
    ((4, ), {}, 'source_ratio'),
    ((4, 4), dict(batch_size=5),
     r'train_dataloader.batch_size=5.*multiple of 2'),
    ((4, 4), dict(batch_size=0), 'batch_size=0'),
    ((4, 4), dict(batch_size=4, source_ratio=[2, 1]), 'multiple of 3'),
    ((4, 4), dict(source_ratio=[0, 0]), 'source_ratio'),
    ((4, 4), dict(source_ratio=[0, 1]), 'no labeled image'),
    ((4, 4), dict(source_ratio=[1, 0]), 'no unlabeled image'),
    ((4, 4), dict(source_ratio=[-1, 2]), 'negative'),
    ((4, 4), dict(epoch_length=0), 'batch_sampler.epoch_length=0'),
    ((4, 4), dict(epoch_length=-3), 'epoch_length=-3'),
    ((4, 0), {}, r'\[4, 0\] images; none may be empty'),
    ((0, 4), {}, r'\[0, 4\] images'),
])
def test_wrong_arguments(sizes, kwargs, message):
    with pytest.raises(ValueError, match=message):
        make(sizes, **kwargs)


def test_data_set_without_parts_is_refused():
    with pytest.raises(ValueError, match='needs a ConcatDataset.*got range'):
        MultiSourceBatchSampler(DefaultSampler(range(4)), 4)


def test_sampler_without_epochs_is_refused():
    with pytest.raises(
            TypeError, match='InfiniteSampler.*train_dataloader.sampler.type'):
        MultiSourceBatchSampler(InfiniteSampler(joined((4, 4))), 4)
