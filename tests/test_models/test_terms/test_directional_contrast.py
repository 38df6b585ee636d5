"""Tests of ``mmseg_dcc/models/terms/directional_contrast.py``."""
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import BaseDataElement
from mmseg.registry import MODELS
from torch import nn

from mmseg_dcc.datasets.transforms import (
    MultiView,
    PackViews,
    PairedRandomCrop,
)
from mmseg_dcc.models.head_features import encoder_features
from mmseg_dcc.models.pool_to_stride import check_crop_stride
from tests.tiny_models import (
    BACKBONE,
    CASCADE,
    PSP,
    SIDE,
    SINGLE,
    batch,
    build,
    losses_of,
    semi_batch,
    unlabeled_sample,
)

STOCK_CLASSES = [(SINGLE, 'EncoderDecoder'),
                 (CASCADE, 'CascadeEncoderDecoder')]
UNSUP_KEYS = {
    'unsup_loss_dc', 'unsup_positive_ratio', 'unsup_mean_confidence',
    'unsup_bank_fill', 'unsup_bank_age'
}
POSITIONS = (SIDE // 8)**2
FLIPS = (None, 'horizontal', 'vertical', 'diagonal')


@MODELS.register_module()
class BlockMean(nn.Module):
    """Backbone stub: features are means of ``factor`` x ``factor`` pixels."""

    def __init__(self, factor=8):
        super().__init__()
        self.factor = factor

    def forward(self, images):
        return [F.avg_pool2d(images, self.factor)]


@MODELS.register_module()
class ClassifierlessHead(nn.Module):
    """Head without ``cls_seg``."""

    align_corners, num_classes, out_channels = False, 3, 3


def make_model(config=SINGLE, **kwargs):
    settings = dict(
        projector=dict(type='PixelProjector', out_channels=4),
        memory_bank=dict(negatives_per_crop=20, steps=2),
        loss_dc=dict(confidence_threshold=0.))
    return build('DCCSegmentor', **{**config, **settings, **kwargs})


def make_block_mean_model(factor=8, **kwargs):
    """Model whose features are pixels, classified by their sign."""
    model = make_model(
        dict(
            backbone=dict(type='BlockMean', factor=factor),
            decode_head=dict(
                type='FCNHead',
                num_convs=0,
                concat_input=False,
                in_channels=3,
                channels=3,
                in_index=0,
                num_classes=3)),
        **{
            **dict(projector=None),
            **kwargs
        })
    with torch.no_grad():
        model.decode_head.conv_seg.weight.copy_(torch.eye(3)[..., None, None])
        model.decode_head.conv_seg.bias.zero_()
    return model


def unsup_loss(model, images, samples):
    return model.terms['dc'].loss(semi_batch(model, images, samples))


def gradients(model, *prefixes):
    return [
        parameter.grad for name, parameter in model.named_parameters()
        if name.startswith(prefixes)
    ]


def loss_arguments(model, monkeypatch):
    """Positional arguments of every call of the loss."""
    calls = []
    forward = model.terms['dc'].pair_loss.forward

    def record(*args, **kwargs):
        calls.append([tensor.clone() for tensor in args])
        return forward(*args, **kwargs)

    monkeypatch.setattr(model.terms['dc'].pair_loss, 'forward', record)
    return calls


@pytest.mark.parametrize('config', [SINGLE, PSP])
def test_keys_of_the_log(config):
    losses = losses_of(make_model(config))
    assert set(losses) == {'sup_decode.loss_ce', 'sup_decode.acc_seg'
                           } | UNSUP_KEYS
    assert {key
            for key in UNSUP_KEYS if 'loss' in key} == {'unsup_loss_dc'}


def test_total_is_both_losses():
    model = make_model()
    losses = losses_of(model)
    total, log = model.parse_losses(losses)
    assert losses['unsup_loss_dc'] > 0
    torch.testing.assert_close(
        total, losses['sup_decode.loss_ce'] + losses['unsup_loss_dc'])
    assert UNSUP_KEYS < set(log)


def test_defaults_are_the_paper_s():
    model = build('DCCSegmentor', **SINGLE)
    term = model.terms['dc']
    assert term.views == ('a', 'b')
    assert term.pair_loss.temperature == 0.1
    assert term.stride == 8
    assert term.bank.features.shape == (3, 12800, 8)
    assert isinstance(term.projector, nn.Identity)


def test_diagnostics():
    model = make_model()
    losses = losses_of(model)
    assert 0 < losses['unsup_positive_ratio'] <= 1
    assert 1 / 3 < losses['unsup_mean_confidence'] < 1
    # Two images of 16 positions a crop fill 20 of 20 rows, of two steps.
    assert losses['unsup_bank_fill'] == 0.5
    assert losses['unsup_bank_age'] == 0
    losses = losses_of(model)
    assert losses['unsup_bank_fill'] == 1
    assert losses['unsup_bank_age'] == 0.5
    assert losses_of(model)['unsup_bank_age'] == 0.5


def test_warm_up_reaches_the_projector_with_zero():
    model = make_model()
    model.unsup_enabled = False
    losses = losses_of(model)
    assert set(losses) & UNSUP_KEYS == {'unsup_loss_dc'}
    assert losses['unsup_loss_dc'] == 0
    model.parse_losses(losses)[0].backward()
    assert model.terms['dc'].bank.fill == 0
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
    assert all(not grad.any()
               for grad in gradients(model, 'terms.dc.projector.'))


def test_warm_up_leaves_statistics_and_random_state_to_the_labeled_part():
    model = make_model()
    model.unsup_enabled = False
    losses_of(model)
    assert model.backbone.bn1.num_batches_tracked == 1


def test_each_crop_updates_the_statistics_once():
    model = make_model()
    losses_of(model)
    assert model.backbone.bn1.num_batches_tracked == 3


@pytest.mark.parametrize('config', [SINGLE, PSP, CASCADE])
def test_every_parameter_has_a_gradient(config):
    model = make_model(config)
    model.parse_losses(losses_of(model))[0].backward()
    assert all(grad is not None for grad in gradients(model, ''))


@pytest.mark.parametrize('config, classifier', [
    (SINGLE, 'decode_head.conv_seg'), (CASCADE, 'decode_head.1.conv_seg')
])
def test_dc_loss_trains_all_but_the_classifier(config, classifier):
    model = make_model(config)
    losses_of(model)['unsup_loss_dc'].backward()
    assert gradients(model, classifier) == [None, None]
    trained = gradients(model, 'backbone.', 'terms.dc.projector.')
    assert all(grad is not None for grad in trained)
    assert all(grad.any() for grad in gradients(model, 'terms.dc.projector.'))
    assert model.backbone.conv1.weight.grad.any()


def test_gradient_reaches_active_anchors_alone():
    model = make_block_mean_model()
    images = torch.randn(3, 2, 3, SIDE, SIDE)
    # Confidence grows with the distance from 0: crop 2 on the left half.
    images[:, 1] = images[:, 0]
    images[:, 1, :, :, :16] *= 2
    images[:, 0, :, :, 16:] *= 2
    images.requires_grad_()
    losses = unsup_loss(
        model, images, [unlabeled_sample(corners=((0, 0), ) * 2)] * 3)
    losses['loss'].backward()
    touched = images.grad.abs().sum(2) > 0
    assert losses['positive_ratio'] == 1
    assert touched[:, 0, :, :16].all() and touched[:, 1, :, 16:].all()
    assert not touched[:, 0, :, 16:].any()
    assert not touched[:, 1, :, :16].any()


@pytest.mark.parametrize('factor', [8, 4, 2])
@pytest.mark.parametrize('size', [(50, 70), (40, 19), (20, 20)])
def test_overlap_shows_the_same_pixels_in_both_crops(size, factor,
                                                     monkeypatch):
    # Sums of integers: means are exact in any order.
    rng = np.random.RandomState(0)
    model = make_block_mean_model(factor)
    calls = loss_arguments(model, monkeypatch)
    crop, pack = PairedRandomCrop((SIDE, SIDE)), PackViews()
    samples, images = [], []
    for first in FLIPS:
        for second in FLIPS:
            views = MultiView({
                name: dict(
                    window=window,
                    transforms=[
                        dict(
                            type='RandomFlip',
                            prob=float(flip is not None),
                            direction=flip or 'horizontal')
                    ])
                for window, (name, flip) in enumerate(
                    zip('ab', (first, second)))
            })
            image = rng.randint(0, 256, (*size, 3), dtype=np.uint8)
            packed = pack(views(crop(dict(img=image))))
            images.append(packed['inputs'])
            samples.append(packed['data_samples'])
    unsup_loss(model, torch.stack(images).float() - 128, samples)
    (features1, features2, confidence1, confidence2, labels1, labels2,
     *_), = calls
    assert len(features1) >= len(samples)
    assert torch.equal(features1, features2)
    assert torch.equal(confidence1, confidence2)
    assert torch.equal(labels1, labels2)


def test_identical_crops_have_no_active_position():
    model = make_model().eval()
    images = torch.randn(2, 1, 3, SIDE, SIDE).repeat(1, 2, 1, 1, 1)
    images.requires_grad_()
    losses = unsup_loss(
        model, images,
        [unlabeled_sample(
            ((0, 0), ) * 2, flips=('vertical', 'vertical'))] * 2)
    assert losses['positive_ratio'] == 0
    assert losses['loss'] == 0
    losses['loss'].backward()
    assert not images.grad.any()


def test_bank_gets_normalised_rows_of_both_crops_before_the_loss(monkeypatch):
    model = make_block_mean_model(
        memory_bank=dict(negatives_per_crop=40, steps=2))
    calls = loss_arguments(model, monkeypatch)
    images = torch.randn(2, 2, 3, SIDE, SIDE) + torch.tensor(
        [9., -9.])[:, None, None, None]
    unsup_loss(model, images, [unlabeled_sample()] * 2)
    negatives, labels = calls[0][6:8]
    assert len(negatives) == len(labels) == 2 * 2 * POSITIONS
    assert not negatives.requires_grad
    torch.testing.assert_close(negatives.norm(dim=1),
                               torch.ones(len(negatives)))
    # The first crop is bright, the second dark.
    assert (negatives[:2 * POSITIONS] > 0).all()
    assert (negatives[2 * POSITIONS:] < 0).all()
    rows = F.avg_pool2d(images[:, 0], 8).permute(0, 2, 3, 1).reshape(-1, 3)
    rows = F.normalize(rows, dim=1)
    difference = negatives[:2 * POSITIONS, None] - rows
    nearest = difference.norm(dim=2).argmin(1)
    assert sorted(nearest.tolist()) == list(range(2 * POSITIONS))
    assert torch.equal(labels, negatives.argmax(1))


def test_bank_gets_no_more_rows_than_asked_for(monkeypatch):
    model = make_block_mean_model(
        memory_bank=dict(negatives_per_crop=5, steps=2))
    calls = loss_arguments(model, monkeypatch)
    for step in range(3):
        unsup_loss(
            model, torch.randn(2, 2, 3, SIDE, SIDE), [unlabeled_sample()] * 2)
        assert len(calls[step][6]) == 10 * min(step + 1, 2)


def test_more_rows_than_positions_change_nothing():
    """With more rows than positions the bank gets all positions."""
    found = []
    for rows in (2 * POSITIONS, 10 * POSITIONS):
        torch.manual_seed(0)
        model = make_model(memory_bank=dict(negatives_per_crop=rows, steps=2))
        torch.manual_seed(1)
        steps = [losses_of(model) for _ in range(4)]
        bank = model.terms['dc'].bank
        assert len(bank.negatives()[0]) == 2 * 2 * 2 * POSITIONS
        assert steps[-1].pop('unsup_bank_fill') == pytest.approx(
            2 * POSITIONS / rows)
        found.append(steps[-1])
    assert found[0]['unsup_loss_dc'] > 0
    torch.testing.assert_close(found[0], found[1], rtol=0, atol=0)


def test_negatives_are_drawn_at_random(monkeypatch):
    model = make_block_mean_model(
        memory_bank=dict(negatives_per_crop=5, steps=1))
    calls = loss_arguments(model, monkeypatch)
    images = torch.randn(2, 2, 3, SIDE, SIDE)
    for _ in range(4):
        unsup_loss(model, images, [unlabeled_sample()] * 2)
    drawn = torch.cat([arguments[6][:5] for arguments in calls])
    assert len(calls[0][6][:5].unique(dim=0)) == 5
    assert len(drawn.unique(dim=0)) > 10


def test_padding_stays_out_of_the_bank(monkeypatch):
    model = make_block_mean_model(
        memory_bank=dict(negatives_per_crop=40, steps=2))
    calls = loss_arguments(model, monkeypatch)
    images = -torch.ones(2, 2, 3, SIDE, SIDE)
    images[:, 0, :, :16, :24] = 1
    # Flipped crops carry their padding on the other side.
    images[:, 1, :, :24, 16:] = 1
    sample = unlabeled_sample(
        corners=((0, 0), ) * 2,
        valid_boxes=((0, 0, 16, 24), (0, 0, 24, 16)),
        flips=(None, 'horizontal'))
    unsup_loss(model, images, [sample] * 2)
    features1, features2 = calls[0][:2]
    negatives = calls[0][6]
    assert len(negatives) == 2 * 2 * 6 and len(features1) == 2 * 4
    for rows in (features1, features2, negatives):
        assert (rows > 0).all()


@pytest.mark.parametrize('config, stock_class', STOCK_CLASSES)
def test_stock_weights_keep_their_names(config, stock_class):
    state = make_model(config).state_dict()
    stock = build(stock_class, 'SegDataPreProcessor', **config).state_dict()
    assert stock.keys() < state.keys()
    for key, value in stock.items():
        assert state[key].shape == value.shape
    extra = state.keys() - stock.keys()
    assert {key.split('.')[0]
            for key in extra} == {'terms'}


@pytest.mark.parametrize('config, stock_class', STOCK_CLASSES)
def test_checkpoints_go_both_ways(config, stock_class):
    model = make_model(config)
    stock = build(stock_class, 'SegDataPreProcessor', **config)
    missing, unexpected = model.load_state_dict(
        stock.state_dict(), strict=False)
    assert unexpected == []
    assert {key.split('.')[0]
            for key in missing} == {'terms'}
    model.train()
    losses_of(model)
    missing, unexpected = stock.load_state_dict(
        model.state_dict(), strict=False)
    assert missing == [] and len(unexpected) == 7
    images = torch.randn(2, 3, SIDE, SIDE)
    for got, expected in zip(
            model.eval()(images, mode='predict'),
            stock.eval()(images, mode='predict')):
        assert torch.equal(got.seg_logits.data, expected.seg_logits.data)


def test_resumed_model_gives_the_same_loss():
    model, resumed = make_model(), make_model()
    losses_of(model)
    resumed.load_state_dict(model.state_dict(), strict=True)
    data = batch()
    losses = []
    for one in (model, resumed):
        torch.manual_seed(0)
        losses.append(losses_of(one, data)['unsup_loss_dc'])
    assert torch.equal(*losses)


def test_without_projector_the_features_are_compared():
    model = make_model(projector=None)
    assert model.terms['dc'].bank.features.shape[-1] == 8
    losses = losses_of(model)
    losses['unsup_loss_dc'].backward()
    assert losses['unsup_loss_dc'] > 0
    model.unsup_enabled = False
    losses = losses_of(model)
    assert losses['unsup_loss_dc'] == 0
    model.parse_losses(losses)[0].backward()


@pytest.mark.parametrize('config, in_channels', [(SINGLE, 8), (CASCADE, 8),
                                                 (PSP, 8)])
def test_projector_takes_the_channels_of_the_head(config, in_channels):
    model = make_model(config)
    assert model.terms['dc'].projector.layers[0].in_channels == in_channels
    assert model.terms['dc'].bank.features.shape == (2, 40, 4)


def test_cascade_is_trained_and_predicts():
    model = make_model(CASCADE)
    losses = losses_of(model)
    assert set(losses) == {
        'sup_decode_0.loss_ce', 'sup_decode_0.acc_seg',
        'sup_decode_1.loss_ce', 'sup_decode_1.acc_seg'
    } | UNSUP_KEYS
    assert losses['unsup_loss_dc'] > 0
    result, = model.eval()(torch.randn(1, 3, SIDE, SIDE), mode='predict')
    assert result.pred_sem_seg.shape == (SIDE, SIDE)


def test_features_of_a_cascade_are_the_last_head_s():
    model = make_model(CASCADE).eval()
    images = torch.randn(2, 3, SIDE, SIDE)
    features = encoder_features(model, images)
    torch.testing.assert_close(model.pixel_head.conv_seg(features),
                               model(images))


@pytest.mark.parametrize('config', [SINGLE, PSP])
def test_features_are_what_is_classified(config):
    model = make_model(config).eval()
    images = torch.randn(2, 3, SIDE, SIDE)
    torch.testing.assert_close(
        model.decode_head.conv_seg(encoder_features(model, images)),
        model(images))


@pytest.mark.parametrize('config, stride, side', [(SINGLE, 4, 8),
                                                  (SINGLE, 8, 4),
                                                  (PSP, 8, 4)])
def test_one_position_every_stride_pixels(config, stride, side):
    model = make_model(config, stride=stride).eval()
    pairs = torch.randn(2, 2, 3, SIDE, SIDE)
    unsup_loss(model, pairs, [unlabeled_sample() for _ in range(2)])
    predicted = model.terms['dc'].last_prediction
    assert predicted.shape == (2, 2, 3, side, side)
    for images, crop in zip(pairs.transpose(0, 1), predicted):
        if encoder_features(model, images).size(-1) == side:
            probability, label = model(images).softmax(1).max(1)
            torch.testing.assert_close(crop[:, 0], probability)
            assert torch.equal(crop[:, 1].long(), label)


def test_features_coarser_than_the_stride_are_compared_as_they_are():
    data, losses = batch(), []
    for stride in (4, 8):
        torch.manual_seed(0)
        losses.append(losses_of(make_model(PSP, stride=stride), data))
    assert losses[0]['unsup_loss_dc'] == losses[1]['unsup_loss_dc'] > 0


def test_boxes_that_do_not_fit_the_stride():
    model = make_model(stride=16)
    with pytest.raises(ValueError, match='PairedRandomCrop.stride=16'):
        losses_of(model)


def test_head_without_cls_seg_is_refused():
    with pytest.raises(TypeError, match='ClassifierlessHead is not supported'):
        make_model(
            dict(
                backbone=BACKBONE,
                decode_head=dict(type='ClassifierlessHead')))


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_autocast_keeps_the_loss_in_float32(dtype):
    model = make_model()
    with torch.autocast('cpu', dtype=dtype):
        losses = losses_of(model)
    assert losses['unsup_loss_dc'].dtype == torch.float32
    assert torch.isfinite(losses['unsup_loss_dc'])
    losses['unsup_loss_dc'].backward()
    assert all(grad.isfinite().all()
               for grad in gradients(model, 'terms.dc.projector.'))


def test_any_data_element_with_the_metainfo_will_do():
    model = make_block_mean_model()
    sample = BaseDataElement(metainfo=unlabeled_sample().metainfo)
    losses = unsup_loss(model, torch.randn(1, 2, 3, SIDE, SIDE), [sample])
    assert losses['loss'] > 0


def test_lambda_zero_touches_batch_statistics_alone():
    """Control with the same forward passes and without gradients."""
    models = [
        make_model(
            loss_dc=dict(confidence_threshold=0., loss_weight=weight))
        for weight in (0., 1.)
    ]
    models[0].load_state_dict(models[1].state_dict())
    data = batch()
    for model in models:
        torch.manual_seed(1)
        losses = losses_of(model, data)
        model.parse_losses(losses)[0].backward()
    control, trained = models
    for (name, buffer), other in zip(control.named_buffers(),
                                     trained.buffers()):
        assert torch.equal(buffer, other), name
    for parameter in control.terms['dc'].projector.parameters():
        assert not parameter.grad.any()
    supervised = make_model()
    supervised.load_state_dict(control.state_dict())
    supervised.unsup_enabled = False
    torch.manual_seed(1)
    supervised.parse_losses(losses_of(supervised, data))[0].backward()
    for (name, parameter), other in zip(control.backbone.named_parameters(),
                                        supervised.backbone.parameters()):
        assert torch.equal(parameter.grad, other.grad), name


@pytest.mark.slow
def test_compiled_model_gives_the_same():
    torch.manual_seed(0)
    model = make_model()
    data = model.data_preprocessor(batch(), training=True)
    results = []
    for forward in (model.forward,
                    torch.compile(model.forward, backend='eager')):
        for _ in range(2):  # the second step reuses compiled code
            torch.manual_seed(1)
            model.terms['dc'].bank.reset()
            losses = forward(**data, mode='loss')
            model.zero_grad()
            model.parse_losses(losses)[0].backward()
            results.append([
                losses['unsup_loss_dc'].detach(),
                *(parameter.grad.clone() for parameter in model.parameters())
            ])
    assert results[0][0] > 0
    for result in results[1:]:
        torch.testing.assert_close(result, results[0])


def test_bank_is_not_sent_by_ddp():
    torch.distributed.init_process_group(
        'gloo', store=torch.distributed.HashStore(), rank=0, world_size=1)
    try:
        model = make_model()
        wrapper = torch.nn.parallel.DistributedDataParallel(
            model, broadcast_buffers=True)
        sent = {id(buffer) for buffer in wrapper.modules_buffers}
    finally:
        torch.distributed.destroy_process_group()
    of_bank = {id(buffer) for buffer in model.terms['dc'].bank.buffers()}
    assert sent and not sent & of_bank


def test_crops_are_checked_without_training():
    model = make_model()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    check_crop_stride(model, (SIDE, SIDE), 8, stride=8)
    check_crop_stride(model, (SIDE, SIDE), 16, stride=8)
    with pytest.raises(ValueError, match=r'PairedRandomCrop\.stride=8'):
        check_crop_stride(model, (SIDE, SIDE), 4, stride=8)
    assert model.training
    assert all(
        torch.equal(before[k], v) for k, v in model.state_dict().items())
