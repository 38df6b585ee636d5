"""Tests of ``mmseg_dcc/datasets/multi_source_sampler.py``."""
import pickle
from collections import Counter
from contextlib import contextmanager
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mmseg.registry import DATA_SAMPLERS
from torch.utils.data import ConcatDataset, DataLoader

from mmseg_dcc.datasets import MultiSourceSampler, multi_source_sampler
from mmseg_dcc.datasets.multi_source_sampler import WarmupIndex


@contextmanager
def process(rank, world_size):
    with mock.patch.object(multi_source_sampler, 'get_dist_info',
                           lambda: (rank, world_size)):
        yield


def make(sizes, batch_size=4, rank=0, world_size=1, seed=0, **kwargs):
    dataset = ConcatDataset([range(size) for size in sizes])
    with process(rank, world_size):
        return MultiSourceSampler(dataset, batch_size, seed=seed, **kwargs)


def batches(sampler, epoch=0):
    """The batches of one epoch."""
    sampler.set_epoch(epoch)
    indices = list(sampler)
    assert len(indices) == len(sampler)
    size = sampler.batch_size
    return [indices[i:i + size] for i in range(0, len(indices), size)]


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
        seed=draw(st.integers(0, 2**31)))


@settings(deadline=None, max_examples=80)
@given(situations())
def test_ratio_in_every_batch(situation):
    sampler = make(**situation)
    unit = sampler.batch_size // sum(sampler.source_ratio)
    for batch in batches(sampler, 1):
        sources = [source_of(index, situation['sizes']) for index in batch]
        # one source after the other, labeled first
        assert sources == sorted(sources)
        assert [sources.count(i) for i in range(len(situation['sizes']))] == [
            unit * share for share in situation['source_ratio']
        ]


def streams(situation, epochs):
    """Images of each source in each epoch, all ranks in the order drawn."""
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


@settings(deadline=None, max_examples=80)
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


@settings(deadline=None, max_examples=40)
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

    def test_drawn_for_all_processes_if_not_given(self):
        with mock.patch.object(multi_source_sampler, 'sync_random_seed',
                               lambda: 1234):
            sampler = make(self.SIZES, seed=None)
        assert sampler.seed == 1234
        assert batches(sampler) == batches(make(self.SIZES, seed=1234))

    def test_seed_zero_is_kept(self):
        with mock.patch.object(multi_source_sampler, 'sync_random_seed',
                               lambda: 1234):
            assert make(self.SIZES, seed=0).seed == 0

    def test_order_without_shuffling(self):
        sampler = make((3, 4), shuffle=False)
        assert batches(sampler, 0) == [[0, 1, 3, 4], [2, 0, 5, 6]]
        assert batches(sampler, 1) == batches(sampler, 0)


@settings(deadline=None, max_examples=40)
@given(situations(), st.integers(0, 4))
def test_resumed_epoch_equals_the_consecutive_one(situation, epoch):
    consecutive = make(**situation)
    for number in range(epoch + 1):
        wanted = batches(consecutive, number)
    assert batches(make(**situation), epoch) == wanted


def test_epoch_is_repeated_until_the_next_is_set():
    sampler = make((5, 12))
    assert list(sampler) == list(sampler)


class TestLength:

    @pytest.mark.parametrize('unlabeled, world_size, length', [
        (12, 1, 6), (13, 1, 7), (12, 3, 2), (13, 3, 3), (1, 4, 1)])
    def test_one_pass_by_default(self, unlabeled, world_size, length):
        sampler = make((50, unlabeled), world_size=world_size)
        assert sampler.epoch_length == length
        assert len(sampler) == 4 * length

    def test_given(self):
        sampler = make((5, 12), epoch_length=17, world_size=2)
        assert len(batches(sampler)) == 17

    def test_of_the_data_loader(self):
        sampler = make((5, 12), epoch_length=9)
        dataset = ConcatDataset([range(5), range(100, 112)])
        loader = DataLoader(dataset, batch_size=4, sampler=sampler)
        seen = [batch.tolist() for batch in loader]
        assert len(loader) == len(seen) == 9
        for batch in seen:
            assert max(batch[:2]) < 5 and min(batch[2:]) >= 100

    def test_tiny_labeled_set_under_a_long_epoch(self):
        sizes = (1, 3)
        sampler = make(sizes, epoch_length=500)
        assert drawn(sampler, sizes, 0, 7) == [0] * 1000


def test_single_source():
    sampler = make((6, ), batch_size=3, source_ratio=[1])
    first, second = batches(sampler)
    assert sorted(first + second) == list(range(6))


def test_three_sources_follow_the_last():
    sizes = (4, 5, 12)
    sampler = make(sizes, batch_size=6, source_ratio=[1, 2, 3])
    assert sampler.epoch_length == 4
    assert sorted(drawn(sampler, sizes, 2)) == list(range(9, 21))


def test_source_without_a_share_is_not_drawn():
    sampler = make((4, 6), batch_size=3, source_ratio=[0, 1])
    assert sorted(sum(batches(sampler), [])) == list(range(4, 10))


def test_built_from_the_registry():
    sampler = DATA_SAMPLERS.build(
        dict(
            type='MultiSourceSampler',
            dataset=ConcatDataset([range(5), range(12)]),
            batch_size=8,
            source_ratio=[1, 3],
            seed=0))
    assert sampler.images_per_batch == [2, 6]


@pytest.mark.parametrize('sizes, kwargs, message', [
    ((4, 4), dict(source_ratio=[1]), r'source_ratio=\[1\].*2 data sets'),
    ((4, 4), dict(source_ratio=[1, 1, 1]), 'source_ratio'),
    ((4, ), {}, 'source_ratio'),
    ((4, 4), dict(batch_size=5), r'batch_size=5.*multiple of 2'),
    ((4, 4), dict(batch_size=0), 'batch_size=0'),
    ((4, 4), dict(batch_size=4, source_ratio=[2, 1]), 'multiple of 3'),
    ((4, 4), dict(source_ratio=[0, 0]), 'source_ratio'),
    ((4, 4), dict(source_ratio=[1, 0]), 'nor 0 for the unlabeled'),
    ((4, 4), dict(source_ratio=[-1, 2]), 'negative'),
    ((4, 4), dict(epoch_length=0), 'epoch_length=0'),
    ((4, 4), dict(epoch_length=-3), 'epoch_length=-3'),
    ((4, 0), {}, r'\[4, 0\] images; none may be empty'),
    ((0, 4), {}, r'\[0, 4\] images'),
])
def test_wrong_arguments(sizes, kwargs, message):
    with pytest.raises(ValueError, match=message):
        make(sizes, **kwargs)


def test_data_set_without_parts_is_refused():
    with pytest.raises(ValueError, match='needs a ConcatDataset.*got range'):
        MultiSourceSampler(range(4), 4)


@settings(deadline=None, max_examples=40)
@given(situations(), st.integers(0, 40))
def test_warmup_marks_the_first_iterations(situation, warmup_iters):
    sampler, plain = make(**situation), make(**situation)
    sampler.warmup_iters = warmup_iters
    iteration = 0
    for epoch in range(3):
        expected = batches(plain, epoch)
        for got, batch in zip(batches(sampler, epoch), expected):
            assert got == batch
            assert {isinstance(index, WarmupIndex)
                    for index in got} == {iteration < warmup_iters}
            iteration += 1


def test_mark_survives_concatenation_and_transport():
    index = pickle.loads(pickle.dumps(WarmupIndex(7))) - 5
    assert index == 2 and isinstance(index, WarmupIndex)
