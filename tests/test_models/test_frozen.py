import torch
from torch import nn

from mmseg_dcc.models.frozen import frozen


def test_gradients_reach_the_input_alone():
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1))
    rows = torch.randn(5, 3, requires_grad=True)
    frozen(module)(rows).sum().backward()
    through_frozen, rows.grad = rows.grad, None
    assert all(parameter.grad is None for parameter in module.parameters())
    module(rows).sum().backward()
    torch.testing.assert_close(through_frozen, rows.grad)
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_one_backward_trains_the_module_on_other_inputs_alone():
    module = nn.Linear(3, 1)
    rows, others = torch.randn(2, 5, 3)
    rows.requires_grad_()
    (frozen(module)(rows).sum() + 2 * module(others).sum()).backward()
    torch.testing.assert_close(module.weight.grad, 2 * others.sum(0)[None])
    torch.testing.assert_close(rows.grad, module.weight.expand(5, 3))


def test_the_weights_are_those_of_the_call():
    module = nn.Linear(3, 1)
    run = frozen(module)
    module.load_state_dict(nn.Linear(3, 1).state_dict())
    rows = torch.randn(5, 3)
    torch.testing.assert_close(run(input=rows), module(rows))


def test_batch_statistics_go_on():
    module = nn.BatchNorm1d(3).train()
    frozen(module)(torch.randn(5, 3) + 4)
    assert module.num_batches_tracked == 1
    assert (module.running_mean > 0).all()
