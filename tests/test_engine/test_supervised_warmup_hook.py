"""Tests of ``mmseg_dcc/engine/hooks/supervised_warmup_hook.py``."""
from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.model.wrappers import MMDistributedDataParallel
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from mmseg_dcc.datasets import UnlabeledDataset
from mmseg_dcc.engine import SupervisedWarmupHook
from mmseg_dcc.engine.hooks import supervised_warmup_hook
from tests.tiny_training import train as train_demo

ITERATIONS_PER_EPOCH = 3


class Numbers(BaseDataset):
    """Data set of numbers; those of unlabeled samples are 1."""

    number = 0.

    def __init__(self, count):
        self.count = count
        super().__init__()

    def load_data_list(self):
        return [dict(img_path=f'{id(self)}/{i}') for i in range(self.count)]

    def prepare_data(self, idx):
        return dict(inputs=torch.tensor([self.number]))


class UnlabeledNumbers(Numbers, UnlabeledDataset):
    number = 1.

    def __init__(self, count):
        self.count = count
        UnlabeledDataset.__init__(self)


class Recorder(BaseModel):
    """Records in every iteration whether the terms are active.

    Checks that unlabeled images are loaded exactly then.
    """

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.unsup_enabled = True
        self.seen, self.iterations = [], []

    def forward(self, inputs, mode='loss'):
        self.seen.append(self.unsup_enabled)
        self.iterations.append(self.iteration)
        assert any(inputs) == self.unsup_enabled
        return dict(loss=self.layer(torch.stack(inputs)).mean())


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Function that trains and returns the runner."""
    monkeypatch.setattr('mmengine.runner.runner.collect_env', dict)
    # of images and real models, see test_semi_checks.py
    monkeypatch.setattr(supervised_warmup_hook, 'check_semi_training',
                        lambda runner: None)
    count = 0

    def run(warmup,
            train_cfg,
            resume=False,
            save_by_epoch=None,
            load_from=None):
        nonlocal count
        count += 1
        by_epoch = train_cfg['by_epoch']
        if save_by_epoch is None:
            save_by_epoch = by_epoch
        runner = Runner(
            Recorder(),
            work_dir=str(tmp_path),
            experiment_name=f'{tmp_path.name}_{count}',
            train_dataloader=dict(
                batch_size=2,
                dataset=ConcatDataset([Numbers(2), UnlabeledNumbers(5)]),
                sampler=dict(type='DefaultSampler', shuffle=True),
                batch_sampler=dict(
                    type='MultiSourceBatchSampler',
                    # mmengine pauses 2 s before it reads the data again
                    epoch_length=ITERATIONS_PER_EPOCH if by_epoch else 9)),
            train_cfg=dict(train_cfg),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
            custom_hooks=[dict(type='SupervisedWarmupHook', **warmup)],
            default_hooks=dict(
                checkpoint=dict(
                    type='CheckpointHook', interval=1,
                    by_epoch=save_by_epoch)),
            default_scope='mmseg',
            log_level='WARNING',
            load_from=load_from and str(tmp_path / load_from),
            resume=resume)
        runner.train()
        return runner

    return run


def states(warmup, total):
    return [False] * warmup + [True] * (total - warmup)


def epochs(number):
    return dict(by_epoch=True, max_epochs=number)


def iterations(number):
    return dict(by_epoch=False, max_iters=number)


class TestRunner:

    @pytest.mark.parametrize('warmup', [0, 1, 2, 5])
    def test_epochs(self, train, warmup):
        runner = train(dict(warmup_epochs=warmup), epochs(4))
        assert runner.model.seen == states(
            min(warmup * ITERATIONS_PER_EPOCH, 12), 12)

    @pytest.mark.parametrize('train_cfg', [epochs(2), iterations(6)])
    @pytest.mark.parametrize('warmup', [0, 4])
    def test_iterations(self, train, warmup, train_cfg):
        runner = train(dict(warmup_iters=warmup), train_cfg)
        assert runner.model.seen == states(warmup, 6)
        assert runner.model.iterations == list(range(6))
        assert runner.model.warmup_iters == warmup

    @pytest.mark.parametrize('stopped', [1, 2, 3])
    def test_resumed_epochs(self, train, stopped):
        warmup = dict(warmup_epochs=2)
        train(warmup, epochs(stopped))
        runner = train(warmup, epochs(4), resume=True)
        assert runner.iter == 12
        assert runner.model.seen == states(6, 12)[3 * stopped:]

    @pytest.mark.parametrize('stopped', [2, 3, 5])
    def test_resumed_iterations(self, train, stopped):
        warmup = dict(warmup_iters=3)
        train(warmup, iterations(stopped))
        runner = train(warmup, iterations(7), resume=True)
        assert runner.model.seen == states(3, 7)[stopped:]

    @pytest.mark.parametrize('warmup, left', [
        (dict(warmup_iters=3), 0),
        (dict(warmup_iters=4), 0),
        (dict(warmup_iters=6), 2),
        (dict(warmup_epochs=2), 3),
    ])
    def test_epoch_stopped_half_way(self, train, warmup, left):
        train(warmup, epochs(2), save_by_epoch=False)
        # mmengine goes on counting at 4, but begins epoch 1 anew
        runner = train(warmup, epochs(3), resume=True, load_from='iter_4.pth')
        assert runner.model.seen == states(left, 6)

    def test_epochs_need_a_loop_that_counts_them(self, train):
        with pytest.raises(
                ValueError, match='IterBasedTrainLoop.*warmup_iters instead'):
            train(dict(warmup_epochs=1), iterations(3))

    @pytest.mark.parametrize('warmup, train_cfg, warned', [
        (dict(warmup_iters=3), iterations(3), True),
        (dict(warmup_iters=2), iterations(3), False),
        (dict(warmup_epochs=2), epochs(2), True),
        (dict(warmup_epochs=1), epochs(2), False),
        (dict(warmup_iters=0), iterations(1), False),
    ])
    def test_warmup_as_long_as_the_training(self, train, warmup, train_cfg,
                                            warned, capsys):
        """Without a warning the log only shows a loss of 0."""
        train(warmup, train_cfg)
        log = ''.join(capsys.readouterr())
        assert ('no term will be active' in log) == warned
        if warned:
            assert f'SupervisedWarmupHook.{next(iter(warmup))},' in log


class Views(Hook):
    """Records the first pixel row of each unlabeled image."""

    def __init__(self):
        self.seen = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.seen.append([
            views[:, :, 0].clone() for views in data_batch['inputs']
            if views.dim() == 4
        ])


@pytest.mark.slow
def test_no_sampler_epoch_repeats_the_augmentation(in_data_dir, tmp_path):
    """Without other hooks, as in stock configs with a fragment."""
    views = Views()
    train_demo(
        tmp_path, {
            # in place of ReproducibleRandomnessHook
            'default_hooks.randomness.type': 'IterTimerHook',
            'train_dataloader.dataset.datasets.1.indices': [0, 1],
            'train_dataloader.num_workers': 1,
            'train_dataloader.batch_sampler.epoch_length': 1,
            'custom_hooks.0.warmup_iters': 0,
            'train_cfg.max_iters': 4,
        }, [views])
    drawn = [tuple(map(tuple, torch.stack(seen).flatten(1).tolist()))
             for seen in views.seen]
    assert len(set(drawn)) == 4


def test_checks_run_before_the_first_iteration(in_data_dir, tmp_path):
    with pytest.raises(ValueError, match='MultiSourceBatchSampler'):
        train_demo(tmp_path, {'train_dataloader.batch_sampler': None})


def runner_at(model, **where):
    return SimpleNamespace(model=model, **where)


@pytest.mark.parametrize('warmup, where, enabled', [
    (dict(warmup_epochs=5), dict(epoch=4, iter=10**6), False),
    (dict(warmup_epochs=5), dict(epoch=5, iter=0), True),
    (dict(warmup_iters=9), dict(epoch=100, iter=8), False),
    (dict(warmup_iters=9), dict(epoch=0, iter=9), True),
])
@pytest.mark.parametrize('before', [False, True])
def test_state_follows_from_the_position_alone(warmup, where, enabled, before):
    model = Recorder()
    model.unsup_enabled = before
    SupervisedWarmupHook(**warmup).before_train_iter(
        runner_at(model, **where), 0)
    assert model.unsup_enabled is enabled


def test_hook_keeps_no_state():
    hook = SupervisedWarmupHook(warmup_iters=2)
    model = Recorder()
    before = dict(vars(hook))
    for iteration, enabled in [(0, False), (2, True), (1, False), (3, True)]:
        hook.before_train_iter(runner_at(model, epoch=0, iter=iteration), 0)
        assert model.unsup_enabled is enabled
    assert vars(hook) == before


@pytest.fixture
def one_process():
    torch.distributed.init_process_group(
        'gloo', store=torch.distributed.HashStore(), rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def test_model_in_a_wrapper(one_process):
    model = Recorder()
    wrapper = MMDistributedDataParallel(model)
    hook = SupervisedWarmupHook(warmup_iters=1)
    for iteration, enabled in [(0, False), (1, True)]:
        hook.before_train_iter(runner_at(wrapper, iter=iteration), 0)
        assert model.unsup_enabled is enabled
    assert 'unsup_enabled' not in vars(wrapper)


@pytest.mark.parametrize('kwargs, message', [
    ({}, 'needs either warmup_epochs'),
    (dict(warmup_epochs=5, warmup_iters=5), 'needs either warmup_epochs'),
    (dict(warmup_epochs=0, warmup_iters=0), 'needs either warmup_epochs'),
    (dict(warmup_epochs=-1), 'negative'),
    (dict(warmup_iters=-1), 'negative'),
])
def test_wrong_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        HOOKS.build(dict(type='SupervisedWarmupHook', **kwargs))
