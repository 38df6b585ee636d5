"""Tests of ``mmseg_dcc/models/terms/weak_labels.py``."""
import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData

from mmseg_dcc.models.head_features import encoder_features
from tests.tiny_models import (
    BACKBONE,
    CASCADE,
    NUM_CLASSES,
    PSP,
    PSP_HEAD,
    SIDE,
    SINGLE,
    batch,
    build,
    build_dcc,
    losses_of,
    without_dropout,
)

IGNORE = 255


def make_model(config=SINGLE, classifier=None, terms=True, **kwargs):
    """DCC model with the term."""
    weak = dict(weak=dict(type='WeakLabels', classifier=classifier))
    return build_dcc(config, terms=weak if terms else None, **kwargs)


def weak_batch(known=0.5):
    """Batch with weak masks that are partly unknown."""
    data = batch()
    for sample in data['data_samples'][2:]:
        mask = torch.randint(NUM_CLASSES, (2, SIDE, SIDE), dtype=torch.uint8)
        mask[torch.rand(mask.shape) >= known] = IGNORE
        sample.weak_sem_seg = PixelData(data=mask)
    return data


@pytest.mark.parametrize('config', [SINGLE, PSP, CASCADE])
@pytest.mark.parametrize('weight', [0.4, 2.])
def test_equation_11(config, weight):
    kwargs = {} if weight == 0.4 else dict(
        classifier=dict(
            loss_decode=dict(
                type='CrossEntropyLoss',
                avg_non_ignore=True,
                loss_weight=weight)))
    # no dropout, so that a second pass gives the same features
    model = without_dropout(make_model(config, **kwargs))
    data = model.data_preprocessor(weak_batch(), training=True)
    found = model(**data, mode='loss')['unsup_loss_weak']
    expected = 0
    for crop in range(2):
        scores = model.terms['weak'].classifier.conv_seg(
            encoder_features(model, data['inputs']['unsup'][:, crop]))
        scores = F.interpolate(scores, (SIDE, SIDE), mode='bilinear')
        total, count = 0, 0
        for image, sample in zip(scores, data['data_samples']['unsup']):
            mask = sample.weak_sem_seg.data[crop]
            for row in range(SIDE):
                for column in range(SIDE):
                    label = int(mask[row, column])
                    if label != IGNORE:
                        total -= image[:, row, column].log_softmax(0)[label]
                        count += 1
        expected += 0.5 * total / count
    torch.testing.assert_close(found, weight * expected)


def test_gradients_spare_the_main_classifier():
    model = make_model()
    losses_of(model, weak_batch())['unsup_loss_weak'].backward()
    reached = {
        name
        for name, weight in model.named_parameters()
        if weight.grad is not None and weight.grad.any()
    }
    assert {'terms.weak.classifier.conv_seg.weight', 'backbone.conv1.weight'
            } < reached
    assert not any(
        name.startswith(('decode_head.conv_seg', 'terms.dc'))
        for name in reached)


def test_the_rest_is_dcc():
    """Losses, bank and number of passes of DCC do not change."""
    data = weak_batch()
    weak, plain = make_model(), make_model(terms=False)
    plain.load_state_dict(weak.state_dict(), strict=False)
    losses = []
    for model in (weak, plain):
        torch.manual_seed(1)
        losses.append(losses_of(model, data))
    for key, value in losses[1].items():
        torch.testing.assert_close(losses[0][key], value, rtol=0, atol=0)
    assert set(losses[0]) - set(losses[1]) == {
        'unsup_loss_weak', 'unsup_weak_acc_seg'
    }
    state = weak.state_dict()
    for name, value in plain.state_dict().items():
        assert torch.equal(state[name], value), name
    # one labeled pass, one of each crop
    assert weak.backbone.bn1.num_batches_tracked == 3


def test_agreement_with_the_masks_is_logged():
    model = make_model()
    weights = model.terms['weak'].classifier.conv_seg
    torch.nn.init.zeros_(weights.weight)
    with torch.no_grad():
        weights.bias.copy_(torch.tensor([0., 5., 0.]))
    data = weak_batch(known=1.)
    for sample in data['data_samples'][2:]:
        sample.weak_sem_seg.data[:, :8] = 1
        sample.weak_sem_seg.data[:, 8:16] = 2
        sample.weak_sem_seg.data[:, 16:] = IGNORE
    assert losses_of(model, data)['unsup_weak_acc_seg'].item() == 50


def test_nothing_known():
    model = make_model()
    losses = losses_of(model, weak_batch(known=0.))
    assert losses['unsup_loss_weak'] == 0
    assert losses['unsup_loss_dc'] > 0
    losses['unsup_loss_weak'].backward()
    assert not model.terms['weak'].classifier.conv_seg.weight.grad.any()


@pytest.mark.parametrize('enabled', [True, False])
@pytest.mark.parametrize('weight', [0., 0.1])
def test_every_parameter_has_a_gradient(enabled, weight):
    """DDP needs them, also in the warm-up and with lambda = 0."""
    model = make_model(
        loss_dc=dict(confidence_threshold=0., loss_weight=weight))
    model.unsup_enabled = enabled
    losses = losses_of(model, weak_batch())
    assert (losses['unsup_loss_weak'] > 0) == enabled
    model.parse_losses(losses)[0].backward()
    assert all(value.grad is not None for value in model.parameters())
    assert model.terms['weak'].classifier.conv_seg.weight.grad.any() == enabled


@pytest.mark.parametrize('config, stock', [(SINGLE, 'EncoderDecoder'),
                                           (CASCADE, 'CascadeEncoderDecoder')])
def test_inference_discards_the_weak_classifier(config, stock):
    model = make_model(config).eval()
    stock = build(stock, 'SegDataPreProcessor', **config).eval()
    keys = stock.load_state_dict(model.state_dict(), strict=False)
    assert not keys.missing_keys
    assert {key.split('.')[0] for key in keys.unexpected_keys
            } == {'terms'}
    torch.nn.init.constant_(model.terms['weak'].classifier.conv_seg.weight,
                            float('nan'))
    images = torch.randn(1, 3, SIDE, SIDE)
    assert torch.equal(model(images), stock(images))


def test_binary_head():
    head = dict(PSP_HEAD, num_classes=2, out_channels=1, threshold=0.5)
    head['loss_decode'] = dict(type='CrossEntropyLoss', use_sigmoid=True)
    model = make_model(dict(backbone=BACKBONE, decode_head=head))
    assert model.terms['weak'].classifier.conv_seg.out_channels == 2


def test_head_that_ignores_another_id():
    """Unknown pixels of files are 255 for every ``ignore_index``."""
    losses = []
    data = weak_batch()
    for index in (255, 0):
        head = dict(SINGLE['decode_head'], ignore_index=index)
        model = make_model(dict(SINGLE, decode_head=head)).eval()
        model.data_preprocessor.seg_pad_val = index
        # ids that neither of them ignores
        for sample in data['data_samples'][:2]:
            sample.gt_sem_seg.data.clamp_(min=1)
        for sample in data['data_samples'][2:]:
            sample.weak_sem_seg.data.clamp_(min=1)
        losses.append(losses_of(model, data)['unsup_loss_weak'])
    torch.testing.assert_close(*losses)


def test_ids_outside_of_the_classes():
    model = make_model()
    data = weak_batch()
    sample = data['data_samples'][-1]
    sample.weak_sem_seg.data[1, 3, 4] = NUM_CLASSES
    sample.set_metainfo(dict(weak_seg_map_path='weak/a.png'))
    with pytest.raises(
            ValueError, match=r'weak/a.png has the ids \[3\].*num_classes=3'):
        losses_of(model, data)
