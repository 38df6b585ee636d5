"""Tests of ``mmseg_dcc/engine/semi_checks.py``.

Each fault is one that a training would meet late, or never tell of.
"""
from types import SimpleNamespace

import pytest
import torch

from mmseg_dcc.engine.semi_checks import (
    check_semi_training,
    check_small_batches,
    check_teacher,
)
from tests.tiny_models import PSP, SINGLE, build, build_dcc
from tests.tiny_training import train

PSEUDO = dict(
    type='PseudoLabels', label_view='a', train_views=('b', ), threshold=0.)


def test_supervised_model_is_refused():
    model = build('EncoderDecoder', 'SegDataPreProcessor', **SINGLE)
    with pytest.raises(TypeError, match='SemiEncoderDecoder.*model.type'):
        check_semi_training(SimpleNamespace(model=model, train_dataloader=[]))


def test_term_without_a_teacher_is_told_before_training():
    model = build_dcc(terms=dict(pseudo=PSEUDO))
    with pytest.raises(ValueError, match=r"\['pseudo'\].*MeanTeacherHook"):
        check_teacher(model, [])
    check_teacher(build_dcc(terms=dict(pseudo=dict(PSEUDO, teacher=False))),
                  [])


def test_view_that_the_pipeline_lacks(in_data_dir, tmp_path):
    with pytest.raises(ValueError, match="'weak'.*makes.*'a', 'b'"):
        train(
            tmp_path, {
                'model.terms': dict(
                    pseudo=dict(
                        type='PseudoLabels', teacher=False,
                        train_views=('a', )))
            })


def loader_of(*images):
    return SimpleNamespace(
        batch_sampler=SimpleNamespace(
            images_per_batch=list(images), is_unlabeled=[False, True]))


@pytest.mark.parametrize('images', [(1, 1), (1, 3), (3, 1)])
def test_batch_of_one_that_cannot_be_normalised(images):
    """Of a head with an image pool; torch told it in the first iteration."""
    model = build('DCCSegmentor', **PSP).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(ValueError, match='Raise train_dataloader.batch_size'):
        check_small_batches(model, loader_of(*images))
    assert model.training
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key


@pytest.mark.parametrize('config, images', [(PSP, (2, 2)), (SINGLE, (1, 1))])
def test_batches_that_can(config, images):
    if config is SINGLE:
        config = dict(
            SINGLE,
            decode_head=dict(
                type='FCNHead', in_channels=32, in_index=2, channels=8,
                num_convs=1, num_classes=3, norm_cfg=dict(type='BN')))
    model = build('DCCSegmentor', **config).train()
    check_small_batches(model, loader_of(*images))
