"""Tests of the summary before the first iteration."""
from types import SimpleNamespace

import pytest
import torch

from mmseg_dcc.engine.hooks import StartReportHook
from tests.conftest import ROOT
from tests.tiny_training import train

SUPERVISED = ROOT / 'configs/demo/deeplabv3plus_small_demo_supervised.py'
OPTIONS = {
    'custom_hooks': [],
    'train_dataloader.batch_sampler': None,
    'model.backbone.frozen_stages': 1,
}


@pytest.fixture
def reported(monkeypatch):
    texts = []
    monkeypatch.setattr(
        'mmseg_dcc.engine.hooks.start_report_hook.print_log',
        lambda text, **kwargs: texts.append((text, kwargs['level'])))
    return texts


def test_supervised_training(in_data_dir, tmp_path, reported):
    train(tmp_path, OPTIONS, [StartReportHook()], SUPERVISED)
    (text, level), = reported
    lines = dict(line.split(': ', 1) for line in text.split('\n'))
    assert lines['Network'].startswith('EncoderDecoder of ResNet + ')
    assert 'of them trained' in lines['Network']
    assert 'labeled; 4 a batch on each of 1' in lines['Images']
    assert lines['Schedule'].startswith('4 iterations; AdamW, learning rate')
    assert lines['Validation'] == 'none.'
    assert lines['Device'].startswith(('CPU, ', 'NVIDIA'))
    assert 'Terms' not in lines


def test_what_cannot_be_summarised_does_not_stop(reported):
    StartReportHook().before_train(object())
    (text, level), = reported
    assert 'cannot be written' in text and level > 20


def test_network_below_test_time_augmentation(reported):
    inner = torch.nn.Linear(1000, 1000)
    wrapped = torch.nn.Module()
    wrapped.module = inner
    runner = SimpleNamespace(
        model=wrapped, test_dataloader=SimpleNamespace(dataset=[1, 2]))
    StartReportHook().before_test(runner)
    (text, _), = reported
    assert text.startswith('Network: Linear, 1.00 M parameters.\nTest: 2 ')
