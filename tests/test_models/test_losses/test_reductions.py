"""Tests of ``mmseg_dcc/models/losses/reductions.py``.

They compare two processes with one process on the joined batch.
"""
import pytest
import torch
import torch.distributed as dist

from mmseg_dcc.models.losses import (
    cross_pseudo_loss,
    pseudo_label_loss,
    realism_loss,
    squared_consistency_loss,
)
from mmseg_dcc.models.losses.reductions import (
    mean_over_processes,
    sum_over_processes,
)
from tests.processes import run_processes

CASES = ('valid', 'kept', 'share', 'cross', 'cross_valid', 'real',
         'squared_batch', 'squared_pixel')


def make_batch():
    """Five images with different shares of valid and confident pixels."""
    generator = torch.Generator().manual_seed(0)
    level = torch.linspace(0.1, 1, 5)[:, None, None]
    rand = torch.rand(3, 5, 4, 6, generator=generator)
    return dict(
        scores=torch.randn(5, 3, 4, 6, generator=generator),
        others=torch.randn(5, 3, 4, 6, generator=generator),
        labels=(3 * rand[0]).long(),
        confidence=rand[1] * level,
        valid=rand[2] < level)


def compute(case, scores, others, labels, confidence, valid):
    if case == 'cross':
        return cross_pseudo_loss(scores, others, labels, others.argmax(1))
    if case == 'cross_valid':
        return cross_pseudo_loss(scores, others, labels, others.argmax(1),
                                 valid)
    if case == 'real':
        return realism_loss(scores[:, :1], True, valid)
    if case.startswith('squared_'):
        return squared_consistency_loss(
            scores.softmax(1), others.softmax(1), confidence, valid, 0.4,
            case.rpartition('_')[2])
    return pseudo_label_loss(
        scores, labels, confidence, valid, 0.4, normalise=case)


def gradient(case, part=slice(None)):
    batch = {name: array[part] for name, array in make_batch().items()}
    batch['scores'].requires_grad_()
    loss = compute(case, **batch)
    loss.backward()
    return loss.detach(), batch['scores'].grad


def in_process(rank):
    part = slice(0, 2) if rank == 0 else slice(2, 5)
    counts = torch.tensor([float(rank), 0])
    # DDP takes the mean of the gradients
    results = {case: gradient(case, part) for case in CASES}
    return dict(
        results,
        sum=sum_over_processes(counts),
        mean=mean_over_processes(counts),
        counts=counts,
        world=dist.get_world_size())


@pytest.fixture(scope='module')
def ranks(tmp_path_factory):
    return run_processes(in_process, tmp_path_factory.mktemp('ranks'))


@pytest.mark.slow
@pytest.mark.parametrize('case', CASES)
def test_two_processes_equal_one(ranks, case):
    loss, expected = gradient(case)
    losses, gradients = zip(*(rank[case] for rank in ranks))
    torch.testing.assert_close(sum(losses) / 2, loss)
    torch.testing.assert_close(torch.cat(gradients) / 2, expected)


@pytest.mark.slow
def test_counts_of_two_processes(ranks):
    for index, rank in enumerate(ranks):
        assert rank['world'] == 2
        assert rank['sum'].tolist() == [1, 0]
        # at least 1 in total
        assert rank['mean'].tolist() == [0.5, 0.5]
        # the argument is not changed
        assert rank['counts'].tolist() == [index, 0]


def test_counts_of_one_process():
    counts = torch.tensor([3, 0])
    assert sum_over_processes(counts).tolist() == [3, 0]
    assert mean_over_processes(counts).tolist() == [3, 1]
