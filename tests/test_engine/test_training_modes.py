"""Tests of mixed precision, accumulated gradients and compiled steps.

Each is compared with the plain training by the Runner.
"""
import pytest
import torch
from mmengine.hooks import Hook

from tests.tiny_training import train

pytestmark = pytest.mark.slow

PLAIN_SGD = {
    'optim_wrapper.optimizer': dict(_delete_=True, type='SGD', lr=0.1),
    'param_scheduler': None,
    'custom_hooks.0.warmup_iters': 0,
}


class GradientRecorder(Hook):
    """Records the gradient of each backward pass."""

    def __init__(self):
        self.passes = []

    def before_train(self, runner):
        for name, parameter in runner.model.named_parameters():
            parameter.register_hook(
                lambda grad, name=name: self.passes[-1].update(
                    {name: grad.clone()}))

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.passes.append({})


def losses(steps):
    return torch.tensor([[step['sup_decode.loss_ce'], step['unsup_loss_dc']]
                         for step in steps])


@pytest.fixture
def folder(in_data_dir, tmp_path):
    """Working directory with the data sets."""
    return tmp_path


def test_mixed_precision(folder):
    _, plain = train(folder / 'plain')
    runner, mixed = train(
        folder / 'amp', {
            'optim_wrapper.type': 'AmpOptimWrapper',
            'optim_wrapper.loss_scale': 'dynamic'
        })
    assert not torch.equal(losses(mixed), losses(plain))
    torch.testing.assert_close(
        losses(mixed), losses(plain), rtol=0.06, atol=1e-3)
    assert losses(mixed)[1:, 1].all()
    assert all(tensor.dtype != torch.bfloat16
               for tensor in runner.model.state_dict().values())


def test_accumulated_gradients_are_the_mean_of_the_steps(folder):
    """Each step has its own statistics, negatives and mean over positives."""
    gradients = GradientRecorder()
    two = dict(PLAIN_SGD, **{'train_cfg.max_iters': 2})
    # without learning every step sees the first weights
    still, expected = train(
        folder / 'still', {
            **two, 'optim_wrapper.optimizer.lr': 0.
        }, [gradients])
    accumulated, steps = train(
        folder / 'accumulated', {
            **two, 'optim_wrapper.accumulative_counts': 2
        })
    assert losses(steps).all()
    torch.testing.assert_close(losses(steps), losses(expected))
    assert steps[1]['unsup_bank_fill'] == 2 * steps[0]['unsup_bank_fill']
    torch.testing.assert_close(
        accumulated.model.terms['dc'].bank.state_dict(),
        still.model.terms['dc'].bank.state_dict())
    first, second = gradients.passes
    before = dict(still.model.named_parameters())
    for name, parameter in accumulated.model.named_parameters():
        torch.testing.assert_close(
            parameter.detach(),
            before[name].detach() - 0.1 * (first[name] + second[name]) / 2)


def test_compiled_step(folder):
    """Traced without a compiler, over the end of the warm-up."""
    options = {
        **PLAIN_SGD, 'custom_hooks.0.warmup_iters': 1,
        'train_cfg.max_iters': 3
    }
    plain_runner, plain = train(folder / 'plain', options)
    runner, compiled = train(folder / 'compiled', {
        **options, 'compile': dict(backend='eager')
    })
    assert losses(plain)[:, 1].count_nonzero() == 2
    torch.testing.assert_close(losses(compiled), losses(plain))
    torch.testing.assert_close(runner.model.state_dict(),
                               plain_runner.model.state_dict())
