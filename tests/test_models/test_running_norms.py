"""Tests of ``mmseg_dcc/models/running_norms.py`` and of its place in a step.
"""
import copy

import pytest
import torch
from torch import nn

from mmseg_dcc.models.running_norms import running_norms
from tests.methods_models import config_of
from tests.tiny_training import run

NETWORK = 'DeepLabv3+'


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.SyncBatchNorm(4),
        nn.Dropout2d(0.5))


def test_as_in_a_test():
    images = 3 * torch.randn(2, 3, 4, 4) + 1
    model = network()
    expected = copy.deepcopy(model).eval()(images)
    model.train()
    model[3].p = 0.
    before = copy.deepcopy(model.state_dict())
    with running_norms(model):
        assert model[3].training and model.training
        scores = model(images)
    torch.testing.assert_close(scores, expected)
    scores.square().sum().backward()
    assert all(parameter.grad.any() for parameter in model.parameters())
    torch.testing.assert_close(model.state_dict(), before)
    assert all(layer.training for layer in model)


def test_what_was_frozen_stays_frozen():
    model = network().train()
    model[1].eval()
    with pytest.raises(KeyError), running_norms(model):
        assert not model[2].training
        raise KeyError
    assert not model[1].training and model[2].training


def test_off():
    model = network().train()
    with running_norms(model, False):
        assert all(layer.training for layer in model)


def statistics(model):
    return {
        name: buffer.clone()
        for name, buffer in model.named_buffers()
        if 'running_' in name and not name.startswith('terms.')
    }


def train(method, folder, warmup_iters=1, **model):
    """Statistics after two steps, in which the weights stay."""
    config = config_of(method, NETWORK, folder)
    config.model.update(model)
    for hook in config.custom_hooks:
        if hook.type == 'SupervisedWarmupHook':
            hook.warmup_iters = warmup_iters
    return statistics(run(config).model)


# The methods whose passes are not those of PseudoLabels.
@pytest.mark.parametrize('method', [
    'fixmatch', 'fixmatch_v1', 'dcc', 'cps', 'cps_cutmix', 'u2pl', 'cct',
    'gct', 'ecs', 's4gan', 'mean_teacher', 'unimatch_v1'
])
def test_unlabeled_images_leave_no_trace(method, in_data_dir, tmp_path):
    found = train(method, tmp_path / 'on', unlabeled_norm_eval=True)
    labeled_alone = train(method, tmp_path / 'labeled', warmup_iters=2)
    torch.testing.assert_close(found, labeled_alone)


def test_by_default_they_do(in_data_dir, tmp_path):
    found = train('fixmatch', tmp_path / 'off')
    labeled_alone = train('fixmatch', tmp_path / 'labeled', warmup_iters=2)
    assert not any(
        torch.equal(found[name], labeled_alone[name]) for name in found)
