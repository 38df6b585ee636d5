"""Tests of ``mmseg_dcc/engine/hooks/supervised_warmup_hook.py``."""
from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.model import BaseModel
from mmengine.model.wrappers import MMDistributedDataParallel
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from mmseg_dcc.datasets.multi_source_sampler import WarmupIndex
from mmseg_dcc.engine import SupervisedWarmupHook

ITERATIONS_PER_EPOCH = 3


class Numbers(BaseDataset):
    """As many numbers as asked for."""

    def __init__(self, count):
        self.count = count
        super().__init__()

    def load_data_list(self):
        return [dict(img_path=f'{id(self)}/{i}') for i in range(self.count)]

    def prepare_data(self, idx):
        spared = isinstance(idx, WarmupIndex)
        return dict(inputs=torch.tensor([float(spared)]))


class Plain(BaseModel):
    """Model without an unsupervised branch."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1)

    def forward(self, inputs, mode='loss'):
        return dict(loss=self.layer(torch.stack(inputs)).mean())


class Recorder(Plain):
    """Notes in every iteration whether the unsupervised branch is on.

    And that unlabeled images are loaded if, and only if, it is.
    """

    def __init__(self):
        super().__init__()
        self.unsup_enabled = True
        self.seen = []

    def forward(self, inputs, mode='loss'):
        self.seen.append(self.unsup_enabled)
        assert [bool(spared) for spared in inputs
                ] == [not self.unsup_enabled] * len(inputs)
        return super().forward(inputs, mode)


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Function that trains and returns the runner."""
    monkeypatch.setattr('mmengine.runner.runner.collect_env', dict)
    count = 0

    def run(warmup,
            train_cfg,
            model=None,
            resume=False,
            batch_size=2,
            save_by_epoch=None,
            load_from=None):
        nonlocal count
        count += 1
        by_epoch = train_cfg['by_epoch']
        if save_by_epoch is None:
            save_by_epoch = by_epoch
        runner = Runner(
            model or Recorder(),
            work_dir=str(tmp_path),
            experiment_name=f'{tmp_path.name}_{count}',
            train_dataloader=dict(
                batch_size=batch_size,
                dataset=ConcatDataset([Numbers(2), Numbers(5)]),
                sampler=dict(
                    type='MultiSourceSampler',
                    batch_size=2,
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
            log_level='ERROR',
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

    def test_model_without_the_branch_is_refused(self, train):
        with pytest.raises(TypeError, match='got Plain.*model.type'):
            train(dict(warmup_iters=1), iterations(3), Plain())

    def test_data_loader_is_checked(self, train):
        with pytest.raises(ValueError, match=r'sampler\.batch_size=2 differs'):
            train(dict(warmup_iters=1), iterations(3), batch_size=4)


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
    ({}, 'one of the two'),
    (dict(warmup_epochs=5, warmup_iters=5), 'one of the two'),
    (dict(warmup_epochs=0, warmup_iters=0), 'one of the two'),
    (dict(warmup_epochs=-1), 'negative'),
    (dict(warmup_iters=-1), 'negative'),
])
def test_wrong_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        HOOKS.build(dict(type='SupervisedWarmupHook', **kwargs))
