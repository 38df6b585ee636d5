"""Tests of ``mmseg_dcc/engine/hooks/reproducible_randomness_hook.py``."""
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

import mmseg_dcc  # noqa: F401


class Draws(BaseDataset):
    """Draws from every generator that augmentations use."""

    def load_data_list(self):
        return [{}] * 6

    def prepare_data(self, idx):
        return dict(inputs=torch.cat([
            torch.rand(1),
            torch.tensor([np.random.rand(), random.random()])
        ]))


class Noisy(BaseModel):
    """Records its inputs and its own random numbers."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3, 1)
        self.dropout = nn.Dropout(0.5)
        self.seen = []

    def forward(self, inputs, mode='loss'):
        images = torch.stack(inputs).float()
        dropped = self.dropout(torch.ones(8))
        self.seen.append((images.clone(), dropped, torch.randperm(9)))
        loss = self.layer(images).mean() * dropped.sum()
        return dict(loss=loss * np.random.rand())


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Function that trains and returns the model."""
    monkeypatch.setattr('mmengine.runner.runner.collect_env', dict)
    # two seconds between two passes over the data
    monkeypatch.setattr('mmengine.runner.loops.time',
                        SimpleNamespace(sleep=lambda seconds: None))
    count = 0

    def run(train_cfg, folder, resume=False, workers=1, seed=3, hook=True):
        nonlocal count
        count += 1
        by_epoch = train_cfg['by_epoch']
        runner = Runner(
            Noisy(),
            work_dir=str(tmp_path / folder),
            experiment_name=f'{tmp_path.name}_{count}',
            train_dataloader=dict(
                batch_size=2,
                num_workers=workers,
                dataset=Draws(),
                sampler=dict(type='DefaultSampler', shuffle=True)),
            train_cfg=dict(train_cfg),
            optim_wrapper=dict(
                optimizer=dict(type='SGD', lr=0.01, momentum=0.9)),
            custom_hooks=[dict(type='ReproducibleRandomnessHook')]
            if hook else [],
            default_hooks=dict(
                checkpoint=dict(
                    type='CheckpointHook', interval=1, by_epoch=by_epoch)),
            randomness=dict(seed=seed),
            default_scope='mmseg',
            log_level='ERROR',
            resume=resume)
        runner.train()
        # The garbage collector would wait five seconds for each worker.
        vars(runner.train_loop).pop('dataloader_iterator', None)
        return runner.model

    return run


def epochs(number):
    return dict(by_epoch=True, max_epochs=number)


def iterations(number):
    return dict(by_epoch=False, max_iters=number)


def same(first, second):
    return len(first) == len(second) and all(
        torch.equal(a, b) for one, other in zip(first, second)
        for a, b in zip(one, other))


@pytest.mark.parametrize('kind, total, stop, after, workers', [
    (epochs, 3, 1, 3, 2),
    (epochs, 3, 2, 6, 0),
    # within the second pass over the data, to the third
    (iterations, 8, 4, 4, 2),
    (iterations, 4, 3, 3, 1),
])
def test_resumed_training_ends_with_the_same_bits(train, kind, total, stop,
                                                  after, workers):
    whole = train(kind(total), 'whole', workers=workers)
    train(kind(stop), 'parts', workers=workers)
    torch.manual_seed(99)  # whatever the process drew before
    resumed = train(kind(total), 'parts', resume=True, workers=workers)
    assert same(whole.seen[after:], resumed.seen)
    assert torch.equal(whole.layer.weight, resumed.layer.weight)


def test_without_the_hook_they_differ(train):
    whole = train(epochs(3), 'whole', hook=False)
    train(epochs(2), 'parts', hook=False)
    resumed = train(epochs(3), 'parts', resume=True, hook=False)
    assert not same(whole.seen[6:], resumed.seen)


@pytest.mark.parametrize('kind, number', [(epochs, 2), (iterations, 6)])
def test_epochs_iterations_and_seeds_draw_differently(train, kind, number):
    seen = train(kind(number), 'first').seen + train(
        kind(number), 'second', seed=4).seen
    assert len(seen) == 12
    for part in range(3):
        drawn = {tuple(each[part].flatten().tolist()) for each in seen}
        # eight coins fall alike now and then
        assert len(drawn) == len(seen) or part == 1 and len(drawn) > 6


def test_workers_that_outlive_an_epoch_are_refused(train, monkeypatch):
    build = Runner.build_dataloader

    def persistent(config, *args, **kwargs):
        return build(dict(config, persistent_workers=True), *args, **kwargs)

    monkeypatch.setattr(Runner, 'build_dataloader', staticmethod(persistent))
    with pytest.raises(ValueError, match='persistent_workers=False'):
        train(epochs(1), 'refused')
    train(iterations(1), 'fine')
