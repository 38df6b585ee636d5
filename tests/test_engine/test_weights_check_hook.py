"""Tests of ``WeightsCheckHook``: random heads must not be tested."""
from types import SimpleNamespace
from unittest import mock

import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.optim import OptimWrapper

from mmseg_dcc.engine.hooks import WeightsCheckHook
from tests.tiny_models import SINGLE, build
from tests.tiny_training import train


def network(**kwargs):
    return build('EncoderDecoder', 'SegDataPreProcessor', **SINGLE, **kwargs)


class Named(BaseDataset):
    """Data set that only has class names."""

    def load_data_list(self):
        return []


def load(checkpoint, model=None, training=False, resume=False,
         classes=('road', 'sky')):
    dataset = Named(metainfo=dict(classes=classes), lazy_init=True)
    optim_wrapper = mock.Mock(spec=OptimWrapper) if training else dict()
    WeightsCheckHook().after_load_checkpoint(
        SimpleNamespace(
            model=model or network(),
            optim_wrapper=optim_wrapper,
            _resume=resume,
            _load_from='some.pth',
            test_dataloader=SimpleNamespace(dataset=dataset)), checkpoint)


def changed(change):
    weights = network().state_dict()
    change(weights)
    return dict(state_dict=weights)


def without_head(weights):
    for name in [name for name in weights if name.startswith('decode_head')]:
        del weights[name]


def other_classes(weights):
    weights['decode_head.conv_seg.weight'] = torch.zeros(9, 1, 1, 1)


def broken(weights):
    for value in weights.values():
        if value.is_floating_point():
            value.fill_(float('nan'))


def other_network(weights):
    for name in [*weights]:
        weights[f'encoder.{name}'] = weights.pop(name)


@pytest.mark.parametrize('change', [
    without_head, other_classes, broken, other_network,
])
def test_a_test_needs_all_weights(change):
    with pytest.raises(ValueError, match='some.pth does not fit the network'):
        load(changed(change))
    with pytest.raises(ValueError, match='some.pth does not fit the network'):
        load(changed(change), training=True, resume=True)


@pytest.mark.parametrize('change', [broken, other_network])
def test_training_cannot_start_from_nothing(change):
    with pytest.raises(ValueError, match='some.pth does not fit the network'):
        load(changed(change), training=True)


@pytest.mark.parametrize('change, number', [
    (without_head, r'\d+ of \d+ weights of the model are not in it'),
    (other_classes, r'1 of \d+ weights.* have another shape there: '
     r'decode_head.conv_seg.weight \(\(9, 1, 1, 1\)'),
])
def test_training_from_a_part_is_told(change, number, warnings_logged):
    import re
    load(changed(change), training=True)
    warning, = warnings_logged()
    assert re.search(number, warning)


def test_what_fits_passes(warnings_logged):
    checkpoint = dict(
        state_dict=network().state_dict(),
        meta=dict(dataset_meta=dict(classes=['road', 'sky'])))
    load(checkpoint)
    load(checkpoint, training=True)
    load(checkpoint, training=True, resume=True)
    assert not warnings_logged()


@pytest.mark.parametrize('classes', [('Strasse', 'Himmel'), ('road', 'car')])
def test_other_names_may_be_meant(classes, warnings_logged):
    load(dict(state_dict=network().state_dict(),
              meta=dict(dataset_meta=dict(classes=['road', 'sky']))),
         classes=classes)
    warning, = warnings_logged()
    assert f'but the test data set has {classes}: make sure' in warning


@pytest.mark.parametrize('content', [[1, 2], torch.zeros(3)])
def test_files_that_hold_something_else(content):
    kind = type(content).__name__
    with pytest.raises(ValueError, match=f'holds a {kind}, expected'):
        load(content)


def test_dicts_of_something_else():
    weights = dict(model=network().state_dict(), epoch=3)
    with pytest.raises(ValueError, match='some.pth does not fit the network'):
        load(weights)


def test_test_data_in_another_order():
    checkpoint = dict(
        state_dict=network().state_dict(),
        meta=dict(dataset_meta=dict(classes=['sky', 'road'])))
    with pytest.raises(ValueError, match="trained with.*id 0 is 'sky'"):
        load(checkpoint)
    with pytest.raises(ValueError, match="trained with.*id 0 is 'sky'"):
        load(checkpoint, classes=('Road', 'Sky'))


def test_test_data_whose_classes_are_one_text():
    checkpoint = dict(
        state_dict=network().state_dict(),
        meta=dict(dataset_meta=dict(classes=['leaf', 'soil'])))
    with pytest.raises(ValueError, match=r"Write classes=\('leaf', \)"):
        load(checkpoint, classes='leaf')


def test_through_the_runner(in_data_dir, tmp_path):
    path = tmp_path / 'other.pth'
    torch.save(dict(state_dict=dict(x=torch.zeros(1)), meta={}), path)
    with pytest.raises(ValueError, match='other.pth does not fit the network'):
        train(tmp_path / 'work', {'load_from': str(path)},
              hooks=[WeightsCheckHook()])
