"""Tests of ``mmseg_dcc/engine/schedule_checks.py``.

The settings are those that would silently have no effect.
"""
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import Hook

from mmseg_dcc.engine.optimizers import CompositeOptimizer
from mmseg_dcc.engine.schedule_checks import (
    check_custom_keys,
    check_learning_rates_of_terms,
)
from tests.tiny_models import SINGLE, build
from tests.tiny_training import train


class Rates(Hook):
    """Records the learning rate of each step."""

    def __init__(self):
        self.rates = {}

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        group = runner.optim_wrapper.optimizer.param_groups[0]
        self.rates[runner.iter] = group['lr']


@pytest.fixture
def warned(capsys):
    """Function that returns the warnings that a training logged."""
    return lambda: [
        line.split(' - WARNING - ')[1]
        for line in capsys.readouterr().out.splitlines()
        if ' - WARNING - ' in line
    ]


def run(folder, iterations, end, interval=4, **options):
    rates = Rates()
    runner, _ = train(
        folder, {
            'train_cfg.max_iters': iterations,
            'train_dataloader.batch_sampler.epoch_length': iterations,
            'param_scheduler.0.end': 2,
            'param_scheduler.1.begin': 2,
            'param_scheduler.1.end': end,
            'default_hooks.checkpoint':
            dict(type='CheckpointHook', by_epoch=False, interval=interval),
            **options
        }, [rates])
    return rates.rates, runner


def test_schedule_that_ends_before_the_training(in_data_dir, tmp_path,
                                                warned):
    rates, _ = run(tmp_path, 8, 5)
    assert rates[7] == 0
    warning, = [text for text in warned() if 'learning rate' in text]
    assert 'is 0 from iteration 5 on (PolyLR)' in warning and '8' in warning


@pytest.mark.slow
def test_longer_training_goes_on_with_a_longer_schedule(
        in_data_dir, tmp_path, warned):
    short, _ = run(tmp_path / 'work', 4, 4)
    whole, _ = run(tmp_path / 'whole', 8, 8)
    resumed, _ = run(tmp_path / 'work', 8, 8, resume=True)
    assert list(resumed) == [4, 5, 6, 7]
    for step, rate in resumed.items():
        assert rate == pytest.approx(whole[step], rel=1e-9)
        assert rate > 0 or step == 7
    assert any('schedules end at [2, 4], those of the config end at [2, 8]' in
               text for text in warned())


@pytest.mark.slow
def test_same_schedule_is_left_alone(in_data_dir, tmp_path, warned):
    run(tmp_path / 'work', 4, 8)
    whole, _ = run(tmp_path / 'whole', 8, 8)
    resumed, _ = run(tmp_path / 'work', 8, 8, resume=True)
    assert resumed == {step: whole[step] for step in resumed}
    assert not any('schedule' in text for text in warned())


HEAD = {'optim_wrapper.paramwise_cfg': dict(custom_keys={
    'head': dict(lr_mult=10.)})}


def test_terms_that_a_multiplier_does_not_reach(in_data_dir, tmp_path,
                                                warned):
    run(tmp_path, 4, 4, **HEAD)
    warning, = [text for text in warned() if 'model.terms' in text]
    assert 'model.terms.dc learn at 0.003, the decode head at 0.03' in warning
    assert 'terms=dict(lr_mult=10)' in warning


def test_terms_that_it_reaches(in_data_dir, tmp_path, warned):
    HEAD['optim_wrapper.paramwise_cfg']['custom_keys']['terms'] = dict(
        lr_mult=10.)
    run(tmp_path, 4, 4, **HEAD)
    assert not any('model.terms' in text for text in warned())


def test_terms_with_an_optimizer_of_their_own(warnings_logged):
    network = torch.nn.ModuleDict({
        name: torch.nn.Linear(1, 1)
        for name in ('decode_head', 'discriminator', 'projector')
    })
    model = SimpleNamespace(
        decode_head=network['decode_head'],
        terms=dict(
            adv=network['discriminator'], dc=network['projector']))
    main = torch.optim.SGD([
        dict(params=network['decode_head'].parameters(), lr=1e-2),
        dict(params=network['projector'].parameters(), lr=1e-3)
    ])
    critic = torch.optim.Adam(network['discriminator'].parameters(), lr=1e-4)
    check_learning_rates_of_terms(
        model, CompositeOptimizer(dict(main=main, critic=critic)))
    warning, = warnings_logged()
    assert 'model.terms.dc learn at 0.001' in warning


@pytest.mark.parametrize('keys, unused', [
    (dict(backbone=dict(lr_mult=0.1), classifier=dict(lr_mult=10.)),
     "['classifier']"),
    # of stock configs, for other networks
    (dict(backbone=dict(lr_mult=0.1), pos_block=dict(decay_mult=0.)), None),
    ({}, None),
])
def test_multiplier_of_no_parameter(keys, unused, warnings_logged):
    check_custom_keys(SimpleNamespace(
        model=build('EncoderDecoder', 'SegDataPreProcessor', **SINGLE),
        cfg=Config(dict(optim_wrapper=dict(
            paramwise_cfg=dict(custom_keys=keys))))))
    if unused is None:
        assert not warnings_logged()
    else:
        warning, = warnings_logged()
        assert f'No parameter name of the model contains {unused}' in warning
        assert 'begin with backbone, decode_head' in warning


def test_images_that_auto_scale_lr_counts(in_data_dir, tmp_path,
                                          warned):
    run(tmp_path, 4, 4, auto_scale_lr=dict(enable=True, base_batch_size=4))
    warning, = [text for text in warned() if 'auto_scale' in text]
    assert 'base_batch_size=4 with all 4 images of a batch, of which 2 are l' \
        in warning
