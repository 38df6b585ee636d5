"""Tests of ``mmseg_dcc/models/finite_buffers.py``."""
import copy

import pytest
import torch
from torch import nn

from mmseg_dcc.models.finite_buffers import keep_finite_buffers

# an input whose convolution overflows
TOO_LARGE = {torch.float16: 1e5, torch.bfloat16: 3e38}


class Net(nn.Module):
    """Network with two batch norms; overflows happen before the second."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.BatchNorm1d(2, momentum=0.5)
        self.conv = nn.Conv1d(3, 3, 1)
        self.second = nn.BatchNorm1d(3)
        self.register_buffer('bank', torch.zeros(2))

    def forward(self, small, large):
        self.bank.fill_(float('nan'))
        return self.first(small).sum() + self.second(self.conv(large)).sum()


def inputs(scale=1.):
    torch.manual_seed(1)
    return torch.randn(4, 2, 5), torch.randn(4, 3, 5) * scale


def run(net, scale, dtype):
    with torch.autocast('cpu', dtype=dtype, enabled=dtype is not None):
        with keep_finite_buffers(net):
            return net(*inputs(scale))


def statistics(net):
    return {
        name: value.clone()
        for name, value in net.named_buffers() if 'running' in name
    }


def same(first, second):
    return all(torch.equal(value, second[name])
               for name, value in first.items())


@pytest.mark.parametrize('dtype', TOO_LARGE)
def test_overflow_leaves_no_trace(dtype):
    net, plain = Net(), Net()
    run(net, 1., dtype)
    before = statistics(net)
    loss = run(net, TOO_LARGE[dtype], dtype)
    assert same(before, statistics(net))
    with torch.autocast('cpu', dtype=dtype):
        plain(*inputs(TOO_LARGE[dtype]))
    values = statistics(plain)
    assert values['first.running_var'].isfinite().all()
    assert not values['second.running_var'].isfinite().all()
    # other buffers do not change
    assert net.bank.isnan().all()
    # later batches update the statistics again
    run(net, 1., dtype)
    assert not same(before, statistics(net))
    assert loss.requires_grad


@pytest.mark.parametrize('dtype', [*TOO_LARGE, None])
def test_changes_no_bit_otherwise(dtype):
    net, plain = Net(), Net()
    for module in (net, plain):
        module.first.running_mean.fill_(-0.)
        module.second.running_var.fill_(1e-30)
    loss = run(net, 1., dtype)
    with torch.autocast('cpu', dtype=dtype, enabled=dtype is not None):
        expected = plain(*inputs())
    loss.backward()
    expected.backward()
    assert same(statistics(net), statistics(plain))
    assert same(*({name: p.grad for name, p in module.named_parameters()}
                  for module in (net, plain)))


def test_nothing_is_done_without_autocast():
    net = Net()
    run(net, 1e25, None)  # its variance overflows float32
    assert not net.second.running_var.isfinite().all()


def test_backward_comes_after_the_context():
    net = Net()
    run(net, TOO_LARGE[torch.float16], torch.float16).backward()
    assert net.conv.weight.grad is not None


def test_statistics_lost_before_do_not_stop_the_others():
    net = Net()
    net.second.running_mean.fill_(float('inf'))
    before = statistics(net)
    run(net, 1., torch.bfloat16)
    after = statistics(net)
    assert not torch.equal(after['first.running_mean'],
                           before['first.running_mean'])


def test_exceptions_pass():
    net = Net()
    with pytest.raises(ZeroDivisionError):
        with torch.autocast('cpu'), keep_finite_buffers(net):
            raise ZeroDivisionError


def test_without_statistics():
    net = nn.Sequential(
        nn.Linear(2, 2), nn.BatchNorm1d(2, track_running_stats=False))
    with torch.autocast('cpu'), keep_finite_buffers(net):
        assert net(torch.randn(3, 2)).shape == (3, 2)


def test_types_of_their_own():
    net = Net()
    net.second.to(torch.float64)
    expected = copy.deepcopy(statistics(net))
    with torch.autocast('cpu'), keep_finite_buffers(net):
        net.first(torch.full((4, 2, 5), float('nan')))
        net.second.running_var.add_(1.)
    assert same(expected, statistics(net))
    assert net.second.running_var.dtype == torch.float64
