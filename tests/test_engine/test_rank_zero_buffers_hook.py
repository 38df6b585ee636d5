"""Tests of ``mmseg_dcc/engine/hooks/rank_zero_buffers_hook.py``."""
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.runner import Runner
from mmseg.registry import HOOKS
from torch import nn

from mmseg_dcc.engine.hooks import (
    RankZeroBuffersHook,
    rank_zero_buffers_hook,
)
from tests.processes import run_processes


def statistics_in_validation(rank):
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    nn.init.constant_(model[0].weight, rank)
    torch.manual_seed(rank)
    model[1](torch.rand(4, 3))
    before = [buffer.clone() for buffer in model.buffers()]
    hook = HOOKS.build(dict(type='RankZeroBuffersHook'))
    hook.before_val_epoch(SimpleNamespace(model=model))
    return before, list(model.buffers()), model[0].weight.detach()


@pytest.mark.slow
def test_buffers_alone_are_those_of_the_first(tmp_path):
    ranks = run_processes(statistics_in_validation, tmp_path)
    saved = ranks[0][0]
    assert not torch.equal(saved[0], ranks[1][0][0])
    for rank, (_, buffers, weight) in enumerate(ranks):
        assert len(buffers) == 3
        assert all(map(torch.equal, buffers, saved))
        assert (weight == rank).all()


@pytest.mark.parametrize('order', [1, -1])
def test_sends_the_buffers_of_an_average(order):
    runner = SimpleNamespace(model=nn.BatchNorm1d(1), _hooks=[])
    ema = EMAHook(update_buffers=True)
    for hook in [ema, RankZeroBuffersHook()][::order]:
        Runner.register_hook(runner, hook)
    ema.before_run(runner)
    runner.model.running_mean.fill_(5.)
    sent = []
    with mock.patch.object(rank_zero_buffers_hook, 'broadcast',
                           lambda buffer: sent.append(buffer.clone())):
        for hook in runner._hooks:
            hook.before_val_epoch(runner)
    assert sent[0] == 0.  # what was copied, not what was trained
