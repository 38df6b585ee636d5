"""Tests of ``mmseg_dcc/models/segmentors/dcc_segmentor.py``."""
import pytest
import torch

from mmseg_dcc.models import L2ConsistencyLoss
from tests.tiny_models import SINGLE, build, build_dcc, losses_of


def test_short_way_is_the_term():
    settings = dict(projector=dict(out_channels=4), stride=4)
    loss = dict(confidence_threshold=0., temperature=0.2)
    torch.manual_seed(0)
    short = build(
        'DCCSegmentor',
        **SINGLE,
        **settings,
        loss_dc=loss,
        memory_bank=dict(
            type='FeatureMemoryBank', negatives_per_crop=20, steps=2))
    torch.manual_seed(0)
    long = build(
        'SemiEncoderDecoder',
        **SINGLE,
        terms=dict(
            dc=dict(
                type='DirectionalContrast',
                **settings,
                loss=loss,
                bank=dict(rows=20, steps=2))))
    found = []
    for model in (short.train(), long.train()):
        torch.manual_seed(1)
        found.append(losses_of(model))
    assert found[0]['unsup_loss_dc'] > 0
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)


def test_defaults_are_the_term_s():
    term = build('DCCSegmentor', **SINGLE).terms['dc']
    assert (term.stride, term.rows, len(term.bank.features)) == (8, 6400, 3)


def test_bank_of_a_loss_without_negatives_is_refused():
    loss = dict(type='L2ConsistencyLoss')
    with pytest.raises(ValueError, match='memory_bank=None of DCCSegmentor'):
        build_dcc(loss_dc=loss)
    model = build_dcc(loss_dc=loss, memory_bank=None)
    assert isinstance(model.terms['dc'].pair_loss, L2ConsistencyLoss)
    losses = losses_of(model)
    assert losses['unsup_loss_dc'] > 0
    assert 'unsup_bank_fill' not in losses


def test_other_terms_stand_beside_it():
    model = build_dcc(
        terms=dict(
            again=dict(type='DirectionalContrast', stride=4),
            dc=dict(weight=2.)))
    losses = losses_of(model)
    assert {'unsup_loss_dc', 'unsup_loss_again'} < set(losses)
    assert model.terms['dc'].weight(0) == 2
    # of two terms of one kind
    assert {'unsup_positive_ratio', 'unsup_positive_ratio_again'
            } < set(losses)
