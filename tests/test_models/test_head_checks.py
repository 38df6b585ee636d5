"""Tests of ``mmseg_dcc/models/head_checks.py``."""
import copy

import pytest

from mmseg_dcc.models import head_checks
from tests.tiny_models import SINGLE, build


def test_one_class():
    config = copy.deepcopy(SINGLE)
    config['decode_head'].update(
        num_classes=1,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    with pytest.raises(ValueError, match='num_classes=2.*out_channels=1'):
        build('SemiEncoderDecoder', **config)
    config['decode_head'].update(
        num_classes=2, out_channels=1, threshold=0.5)
    build('SemiEncoderDecoder', **config)


@pytest.mark.parametrize('kind', ['mmpretrain.Nothing', 'mmcls.Nothing'])
@pytest.mark.parametrize('installed, text', [
    (False, 'not installed: pip install mmpretrain'),
    (True, 'installed, but not imported.*custom_imports')])
def test_backbone_of_mmpretrain(kind, installed, text, monkeypatch):
    monkeypatch.setattr(head_checks, 'is_installed', lambda name: installed)
    with pytest.raises(ImportError, match=f'{kind}.*{text}'):
        build('SemiEncoderDecoder', **dict(SINGLE, backbone=dict(type=kind)))


def test_other_unknown_backbones_are_mmengine_s():
    with pytest.raises(KeyError, match='Nothing is not in'):
        build('SemiEncoderDecoder',
              **dict(SINGLE, backbone=dict(type='Nothing')))
