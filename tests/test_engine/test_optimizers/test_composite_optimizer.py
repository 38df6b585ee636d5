"""Tests of ``mmseg_dcc/engine/optimizers/composite_optimizer.py``."""
import copy
import pickle

import pytest
import torch
from torch import nn

from mmseg_dcc.engine import CompositeOptimizer


def networks():
    torch.manual_seed(0)
    return nn.Linear(3, 4), nn.Linear(4, 1)


def sgd(net):
    return torch.optim.SGD(
        net.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)


def adam(net):
    return torch.optim.Adam(net.parameters(), lr=0.01, betas=(0.9, 0.99))


def composite(net, critic):
    return CompositeOptimizer(dict(net=sgd(net), critic=adam(critic)))


def loss_of(net, critic, step):
    torch.manual_seed(step)
    return critic(net(torch.randn(8, 3)).relu()).square().mean()


def weights(*modules):
    return [p for module in modules for p in module.parameters()]


def equal(first, second):
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(
            equal(first[key], second[key]) for key in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(equal, first, second))
    return first == second


def test_steps_as_two_optimizers_do():
    one, two = networks(), networks()
    both = composite(*one)
    apart = sgd(two[0]), adam(two[1])
    for step in range(5):
        both.zero_grad()
        loss_of(*one, step).backward()
        both.step()
        for optimizer in apart:
            optimizer.zero_grad()
        loss_of(*two, step).backward()
        for optimizer in apart:
            optimizer.step()
        assert equal(weights(*one), weights(*two))
    assert [both.state[p] for p in weights(*one)] and equal(
        [both.state[p] for p in weights(*one)],
        [apart[i].state[p] for i in (0, 1) for p in two[i].parameters()])


def test_groups_are_those_of_the_optimizers():
    net, critic = networks()
    both = composite(net, critic)
    first, second = both.param_groups
    assert first is both.optimizers['net'].param_groups[0]
    assert second is both.optimizers['critic'].param_groups[0]
    # none got settings of the other
    assert 'betas' not in first and 'momentum' not in second
    assert both.defaults == both.optimizers['net'].defaults
    # what is loaded makes new groups
    both.load_state_dict(both.state_dict())
    first, second = both.param_groups
    assert first is both.optimizers['net'].param_groups[0]
    assert first['params'] == list(net.parameters())
    assert second['params'] == list(critic.parameters())


def test_torch_schedules_move_each_group_from_its_own_base():
    both = composite(*networks())
    schedule = torch.optim.lr_scheduler.LambdaLR(both, lambda step: 0.5**step)
    for _ in range(2):
        both.step()
        schedule.step()
    assert [group['lr'] for group in both.param_groups] == [0.025, 0.0025]
    assert both.optimizers['critic'].param_groups[0]['lr'] == 0.0025


@pytest.mark.parametrize('set_to_none', [True, False])
def test_zero_grad(set_to_none):
    net, critic = networks()
    both = composite(net, critic)
    loss_of(net, critic, 0).backward()
    both.zero_grad(set_to_none=set_to_none)
    for parameter in weights(net, critic):
        assert (parameter.grad is None) == set_to_none
        assert set_to_none or not parameter.grad.any()


def test_loss_scaler_unscales_all_and_skips_all():
    one, two = networks(), networks()
    both, plain = composite(*one), composite(*two)
    scaler = torch.amp.GradScaler('cpu', init_scale=2.**10)
    for step in range(3):
        both.zero_grad()
        scaler.scale(loss_of(*one, step)).backward()
        scaler.step(both)
        scaler.update()
        plain.zero_grad()
        loss_of(*two, step).backward()
        plain.step()
    for parameter, expected in zip(weights(*one), weights(*two)):
        torch.testing.assert_close(parameter, expected)

    before = copy.deepcopy(weights(*one)), copy.deepcopy(both.state_dict())
    scaler.scale(loss_of(*one, 3)).backward()
    one[1].bias.grad.fill_(torch.inf)  # of the critic alone
    scaler.step(both)
    scaler.update()
    assert equal(before, (weights(*one), both.state_dict()))
    assert scaler.get_scale() == 2.**9


def test_hook_on_the_step_sees_all_groups_before_any_changes():
    net, critic = networks()
    both = composite(net, critic)
    before = copy.deepcopy(weights(net, critic))
    seen = []

    def hook(optimizer, args, kwargs):
        assert optimizer is both
        seen.append(copy.deepcopy(weights(net, critic)))
        optimizer.zero_grad(set_to_none=True)

    both.register_step_pre_hook(hook)
    loss_of(net, critic, 0).backward()
    both.step()
    assert len(seen) == 1 and equal(seen[0], before)
    assert equal(weights(net, critic), before)  # the hook took the gradients


def test_closure_is_called_once():
    net, critic = networks()
    calls = []

    def closure():
        calls.append(torch.is_grad_enabled())
        loss = loss_of(net, critic, 0)
        loss.backward()
        return loss

    with torch.no_grad():
        loss = composite(net, critic).step(closure)
    assert calls == [True] and loss > 0


@pytest.mark.parametrize('way', ['state_dict', 'pickle'])
def test_goes_on_with_the_same_bits(way):
    whole = networks()
    optimizer = composite(*whole)

    def train(net, critic, optimizer, steps):
        for step in steps:
            optimizer.zero_grad()
            loss_of(net, critic, step).backward()
            optimizer.step()

    train(*whole, optimizer, range(3))
    if way == 'pickle':
        parts, other = pickle.loads(pickle.dumps((whole, optimizer)))
    else:
        parts = copy.deepcopy(whole)
        other = composite(*parts)
        for group in other.param_groups:
            group['lr'] = 99.
        other.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    train(*whole, optimizer, range(3, 6))
    train(*parts, other, range(3, 6))
    assert equal(weights(*whole), weights(*parts))
    assert equal(optimizer.state_dict(), other.state_dict())


def test_states_of_other_optimizers_are_refused():
    net, critic = networks()
    both = composite(net, critic)
    with pytest.raises(ValueError, match="one optimizer.*'net', 'critic'"):
        both.load_state_dict(sgd(net).state_dict())
    other = CompositeOptimizer(dict(net=sgd(net), flaw=adam(critic)))
    with pytest.raises(ValueError, match="'net', 'flaw'.*load_from"):
        both.load_state_dict(other.state_dict())


def test_what_cannot_work_is_refused():
    net, critic = networks()
    with pytest.raises(ValueError, match='got none'):
        CompositeOptimizer({})
    with pytest.raises(ValueError, match='2 of 2 parameters .* a, b'):
        CompositeOptimizer(dict(a=sgd(net), b=adam(net)))
    with pytest.raises(NotImplementedError, match='net, critic'):
        composite(net, critic).add_param_group(dict(params=[]))
