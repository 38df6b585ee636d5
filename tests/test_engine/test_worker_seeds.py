"""Tests of ``mmseg_dcc/engine/worker_seeds.py``."""
import pickle
import random
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn
from torch.utils.data import BatchSampler, DataLoader

from mmseg_dcc.engine import worker_seeds
from mmseg_dcc.engine.worker_seeds import position_seed, seed_workers_by_epoch

LENGTH = 8


class Draws(BaseDataset):
    """Draws from every generator that augmentations use."""

    def load_data_list(self):
        return [{}] * LENGTH

    def prepare_data(self, idx):
        return dict(inputs=draws())


def draws():
    return torch.tensor([torch.rand(1), np.random.rand(), random.random()])


def seed_torch(worker_id, seed):
    torch.manual_seed(seed + worker_id)


def build_loader(workers=2, seed=3, **kwargs):
    return Runner.build_dataloader(
        dict(
            batch_size=2,
            num_workers=workers,
            dataset=Draws(),
            sampler=dict(type='DefaultSampler', shuffle=True),
            **kwargs),
        seed=seed)


def epoch_of(loader, epoch):
    """Random numbers of an epoch, shape (LENGTH, 3)."""
    loader.batch_sampler.sampler.set_epoch(epoch)
    return torch.cat([torch.stack(batch['inputs']) for batch in loader])


class SeedWorkers(Hook):

    def before_train(self, runner):
        seed_workers_by_epoch(runner.train_dataloader, runner.seed)


class Notes(BaseModel):
    """Records its inputs."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 1)
        self.seen = []

    def forward(self, inputs, mode='loss'):
        self.seen += inputs
        return dict(loss=self.layer(torch.stack(inputs).float()).mean())


@pytest.fixture
def passes(tmp_path, monkeypatch):
    """Function that returns the random numbers of two passes."""
    monkeypatch.setattr('mmengine.runner.runner.collect_env', dict)
    monkeypatch.setattr('mmengine.runner.loops.time',
                        SimpleNamespace(sleep=lambda seconds: None))

    def train(*hooks):
        runner = Runner(
            Notes(),
            work_dir=str(tmp_path),
            experiment_name=f'{tmp_path.name}_{len(hooks)}',
            train_dataloader=dict(
                batch_size=2,
                num_workers=2,
                dataset=Draws(),
                sampler=dict(type='DefaultSampler', shuffle=True)),
            train_cfg=dict(by_epoch=False, max_iters=LENGTH),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
            custom_hooks=list(hooks),
            default_hooks=dict(checkpoint=None),
            randomness=dict(seed=3),
            default_scope='mmseg',
            log_level='ERROR')
        runner.train()
        # The garbage collector would wait five seconds for each worker.
        del runner.train_loop.dataloader_iterator
        return torch.stack(runner.model.seen).chunk(2)

    return train


def test_no_pass_of_an_iteration_based_training_repeats_another(passes):
    first, second = passes()
    assert torch.equal(first, second)  # mmengine alone
    first, second = passes(SeedWorkers())
    assert len(torch.cat([first, second]).unique()) == 2 * 3 * LENGTH


def test_draws_follow_from_seed_rank_epoch_and_worker():
    loader = build_loader()
    seed_workers_by_epoch(loader, seed=3)
    first = epoch_of(loader, 0)
    torch.manual_seed(99)  # whatever the process drew before
    assert torch.equal(first, epoch_of(loader, 0))
    other = build_loader()
    seed_workers_by_epoch(other, seed=4)
    parts = [first, epoch_of(loader, 1), epoch_of(other, 0)]
    with mock.patch.object(worker_seeds, 'get_rank', lambda: 1):
        seed_workers_by_epoch(other, seed=3)
    parts.append(epoch_of(other, 0))
    assert len(torch.cat(parts).unique()) == 4 * 3 * LENGTH


def test_calling_it_twice_is_calling_it_once():
    once, twice = build_loader(), build_loader()
    seed_workers_by_epoch(once, seed=3)
    for seed in (9, 3):
        seed_workers_by_epoch(twice, seed=seed)
    assert torch.equal(epoch_of(once, 1), epoch_of(twice, 1))


@pytest.mark.parametrize('times', [1, 2])
def test_function_of_the_user_is_called_after_the_seeding(times):
    loader = build_loader(
        workers=1, worker_init_fn=dict(type=seed_torch, seed=5))
    for _ in range(times):
        seed_workers_by_epoch(loader, seed=3)
    first, second = (epoch_of(loader, epoch) for epoch in range(2))
    expected = torch.rand(
        LENGTH, generator=torch.Generator().manual_seed(5))
    assert torch.equal(first[:, 0].float(), expected)
    assert torch.equal(second[:, 0].float(), expected)
    assert len(torch.cat([first, second])[:, 1:].unique()) == 4 * LENGTH


@pytest.mark.parametrize('quiet', [True, False])
def test_warnings_of_workers_are_shown_as_before(quiet):
    loader = build_loader(disable_subprocess_warning=quiet)
    for _ in range(2):
        seed_workers_by_epoch(loader, seed=3)
    with mock.patch.object(worker_seeds.worker_init_fn.__globals__['warnings'],
                           'simplefilter') as simplefilter:
        loader.worker_init_fn(1)
    assert simplefilter.called == quiet


def test_started_by_spawn():
    """The function is then pickled when a worker starts."""
    loader = build_loader()
    seed_workers_by_epoch(loader, seed=3)
    expected = epoch_of(loader, 6)[:2]  # the first batch is worker 0's
    pickled = pickle.dumps(loader.worker_init_fn)
    loader.batch_sampler.sampler.set_epoch(7)
    pickle.loads(pickled)(0)
    assert torch.equal(torch.stack([draws(), draws()]), expected)


class Endless:
    """Sampler without epochs."""

    def __iter__(self):
        while True:
            yield 0


class Pairs:
    """Batch sampler that counts the epochs itself."""

    epoch = 0

    def __iter__(self):
        yield [0, 1]

    def __len__(self):
        return 1


def test_loaders_of_other_kinds():
    sampler = build_loader().sampler
    for kwargs, expected in (
        (dict(sampler=sampler, batch_size=None), sampler),
        (dict(batch_sampler=BatchSampler(sampler, 2, False)), sampler),
        (dict(batch_sampler=Pairs()), Pairs()),
    ):
        loader = DataLoader(Draws(), **kwargs)
        seed_workers_by_epoch(loader, seed=0)
        held = loader.worker_init_fn.sampler
        assert held is expected or isinstance(held, Pairs)
    loader = DataLoader(Draws(), sampler=Endless(), batch_size=None)
    seed_workers_by_epoch(loader, seed=3)
    loader.worker_init_fn(0)
    drawn = draws()
    sampler.set_epoch(0)
    loader = DataLoader(Draws(), sampler=sampler, batch_size=None)
    seed_workers_by_epoch(loader, seed=3)
    loader.worker_init_fn(0)
    assert torch.equal(drawn, draws())


def test_positions_have_seeds_of_their_own():
    seeds = {
        position_seed(0, rank, kind, number)
        for rank in range(4) for kind in range(2) for number in range(50)
    }
    assert len(seeds) == 400 and max(seeds) < 2**31
