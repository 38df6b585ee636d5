"""Tests of ``mmseg_dcc/models/segmentors/semi_encoder_decoder.py``."""
import pytest
import torch
from mmseg.registry import MODELS

from mmseg_dcc.models import SemiEncoderDecoder
from tests.tiny_models import (
    CASCADE,
    FCN_HEAD,
    NUM_CLASSES,
    SIDE,
    SINGLE,
    batch,
    build,
    losses_of,
)

AUXILIARY = dict(SINGLE, auxiliary_head=FCN_HEAD)
STOCK_CLASSES = [(SINGLE, 'EncoderDecoder'), (AUXILIARY, 'EncoderDecoder'),
                 (CASCADE, 'CascadeEncoderDecoder')]
SUP_KEYS = [{'sup_decode.loss_ce', 'sup_decode.acc_seg'},
            {
                'sup_decode.loss_ce', 'sup_decode.acc_seg', 'sup_aux.loss_ce',
                'sup_aux.acc_seg'
            },
            {
                'sup_decode_0.loss_ce', 'sup_decode_0.acc_seg',
                'sup_decode_1.loss_ce', 'sup_decode_1.acc_seg'
            }]


@MODELS.register_module()
class MeanScoreSegmentor(SemiEncoderDecoder):
    """Smallest sibling: its unsupervised loss is the mean score."""

    def unsup_loss(self, inputs, data_samples):
        scores = self._forward(inputs.flatten(0, 1))
        return dict(
            loss_mean=scores.mean(), pairs=torch.tensor(float(len(inputs))))


def make_twins(config, stock_class):
    model = build('MeanScoreSegmentor', **config)
    stock = build(stock_class, 'SegDataPreProcessor', **config)
    stock.load_state_dict(model.state_dict(), strict=True)
    return model, stock


def test_unsup_loss_must_be_given():
    with pytest.raises(TypeError, match='unsup_loss'):
        build('SemiEncoderDecoder', **SINGLE)


@pytest.mark.parametrize('config, keys',
                         zip([SINGLE, AUXILIARY, CASCADE], SUP_KEYS),
                         ids=['single', 'auxiliary', 'cascade'])
def test_losses_are_prefixed(config, keys):
    losses = losses_of(build('MeanScoreSegmentor', **config))
    assert set(losses) == keys | {'unsup_loss_mean', 'unsup_pairs'}
    assert losses['unsup_pairs'] == 2


def test_total_is_the_sum_of_losses():
    model = build('MeanScoreSegmentor', **AUXILIARY)
    losses = losses_of(model)
    total, _ = model.parse_losses(losses)
    expected = (
        losses['sup_decode.loss_ce'] + losses['sup_aux.loss_ce'] +
        losses['unsup_loss_mean'])
    torch.testing.assert_close(total, expected)


def test_unsup_branch_can_be_off():
    model = build('MeanScoreSegmentor', **SINGLE)
    assert model.unsup_enabled is True
    model.unsup_enabled = False
    assert set(losses_of(model)) == SUP_KEYS[0]


def test_spared_images_after_the_warmup_are_refused():
    model = build('MeanScoreSegmentor', **SINGLE)
    data = batch(pairs=1)
    data['inputs'][-1] = torch.empty(2, 3, 0, 0, dtype=torch.uint8)
    with pytest.raises(RuntimeError, match='sampler still leaves'):
        losses_of(model, data)
    model.unsup_enabled = False
    assert set(losses_of(model, data)) == SUP_KEYS[0]


@pytest.mark.parametrize('config, stock_class', STOCK_CLASSES)
def test_supervised_losses_are_stock(config, stock_class):
    # Running statistics: both see the same whatever passed before.
    model, stock = (one.eval() for one in make_twins(config, stock_class))
    data = model.data_preprocessor(batch(), training=True)
    losses = model(**data, mode='loss')
    expected = stock(data['inputs']['sup'], data['data_samples']['sup'],
                     'loss')
    assert {f'sup_{key}' for key in expected} < set(losses)
    for key, value in expected.items():
        assert torch.equal(losses[f'sup_{key}'], value)


@pytest.mark.parametrize('config, stock_class', STOCK_CLASSES)
def test_inference_is_stock(config, stock_class):
    model, stock = (one.eval() for one in make_twins(config, stock_class))
    images = torch.randn(2, 3, SIDE, SIDE)
    with torch.no_grad():
        assert torch.equal(model(images), stock(images))
        for got, expected in zip(
                model(images, mode='predict'), stock(images, mode='predict')):
            assert torch.equal(got.seg_logits.data, expected.seg_logits.data)
            assert torch.equal(got.pred_sem_seg.data,
                               expected.pred_sem_seg.data)


@pytest.mark.parametrize('config, stock_class', STOCK_CLASSES)
def test_weights_are_named_as_stock(config, stock_class):
    model, stock = make_twins(config, stock_class)
    assert list(model.state_dict()) == list(stock.state_dict())


@pytest.mark.parametrize('config', [SINGLE, CASCADE])
def test_preprocessor_knows_the_classes(config):
    model = build('MeanScoreSegmentor', **config)
    assert model.data_preprocessor.num_classes == NUM_CLASSES


def test_batch_that_is_not_split_names_the_setting():
    model = build('MeanScoreSegmentor', 'SegDataPreProcessor', **SINGLE)
    with pytest.raises(
            TypeError,
            match='MeanScoreSegmentor expects.*got Tensor.*SemiSegDataPre'):
        losses_of(model, batch(pairs=0))
