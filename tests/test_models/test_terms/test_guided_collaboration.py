"""Tests of ``mmseg_dcc/models/terms/guided_collaboration.py``."""
import copy

import pytest
import torch
from mmengine.config import ConfigDict

from mmseg_dcc.models import SemiEncoderDecoder
from mmseg_dcc.structures import ViewInfo
from tests.given_scores import given_scores, labeled_samples, select
from tests.golden import (
    assert_gradient,
    assert_values,
    golden_files,
    load,
)
from tests.test_models.test_flaw_detector import (
    enlarged,
    inputs_of,
    of_record,
)
from tests.tiny_models import (
    CASCADE,
    NUM_CLASSES,
    PSP,
    SIDE,
    SINGLE,
    aligned_sample,
    batch,
    build,
    losses_of,
    without_dropout,
)

DETECTOR = dict(channels=(4, 4, 4), strides=(2, 1, 1))


def make_model(config=SINGLE, **kwargs):
    torch.manual_seed(0)
    settings = dict(
        type='GuidedCollaboration', detector=DETECTOR, flaw_threshold=0.3)
    return without_dropout(
        build('SemiEncoderDecoder', **config,
              terms=dict(gct={**settings, **kwargs})).train())


def weak_batch(**kwargs):
    return batch(sample=lambda: aligned_sample(('weak', ), **kwargs))


def recorded_model(record, monkeypatch):
    """Model whose input holds an image and the scores of both networks."""
    classes = record['fd_prob_l'].shape[1]
    channels = record['fd_image_u8'].shape[1]
    everything = channels + 2 * classes
    monkeypatch.setattr(SemiEncoderDecoder, 'in_channels', everything)
    detector = of_record(record, others=2 * classes)
    iteration, ramp = record['fd_ramp_at'].tolist()
    model = given_scores(
        classes,
        dict(
            gct=dict(
                type='GuidedCollaboration',
                detector=dict(channels=[
                    len(layer.bias) for layer in detector.layers[:-1:3]
                ]),
                consistency_weight=dict(
                    peak=record['dc_scale'].item(), iters=ramp))),
        channels=everything)
    model.iteration = iteration
    select(model, range(channels, channels + classes))
    term = model.terms['gct']
    select(term.partner, range(channels + classes, everything))
    term.detector.load_state_dict(detector.state_dict())
    return model


@pytest.mark.parametrize('path', golden_files('gct'),
                         ids=lambda path: path.stem)
def test_recorded_values(path, monkeypatch):
    """Recorded values of three networks, from one backward pass."""
    record = load(path)
    model = recorded_model(record, monkeypatch)
    images, maps = inputs_of(record)
    # a probability of 0 is e^-69
    scores = [single.clamp(min=1e-30).log() for single in maps]
    inputs = torch.cat([images, *scores], 1)
    count = int(record['fd_lbs'])
    labeled = inputs[:count].requires_grad_()
    unlabeled = inputs[count:].requires_grad_()
    samples = [aligned_sample(('weak', )) for _ in unlabeled]
    size = inputs.shape[2:]
    for sample in samples:
        sample.set_metainfo(
            dict(views=dict(weak=ViewInfo((0, 0, *size), (0, 0, *size)))))
    losses = model(
        dict(sup=labeled, unsup=unlabeled[:, None]),
        dict(
            sup=labeled_samples(enlarged(record, 'fd_gt')[:, 0]),
            unsup=samples),
        mode='loss')
    assert_values(
        losses['unsup_loss_gct_detector'],
        (record['LFD_clean_l'] + record['LFD_clean_r']) / 2)
    assert_values(
        losses['unsup_loss_gct'],
        sum(record[f'{loss}_{side}'] for loss in ('Lfc', 'Ldc')
            for side in 'lr'))
    assert_values(losses['unsup_bad_ratio'],
                  record['fd_both_bad'].float().mean())
    assert_values(losses['unsup_taught_ratio'],
                  1 - record['fd_l_keeps'].float().mean())

    losses['unsup_loss_gct'].backward(retain_graph=True)
    detector = model.terms['gct'].detector
    assert all(value.grad is None for value in detector.parameters())
    gradient = torch.cat([labeled.grad, unlabeled.grad])
    _, *gradients = gradient.split(
        [images.shape[1], *(single.shape[1] for single in maps)], 1)
    for side, found, single in zip('lr', gradients, maps):
        at = record[f'Lfc_grad_{side}_sub'] + record[f'Ldc_grad_{side}_sub']
        p = single[..., 3::12, 5::12]
        # through the softmax
        expected = p * (at - (p * at).sum(1, keepdim=True))
        assert_gradient(found[..., 3::12, 5::12], expected)

    losses['unsup_loss_gct_detector'].backward()
    layers = detector.layers
    first = layers[0].weight.grad
    gradients = dict(
        # those of image and probabilities
        conv1_weight=torch.cat(
            [first[:, :images.shape[1]], first[:, inputs.shape[1]:]], 1),
        ibn3_bnorm_weight=layers[10].batch_norm.weight.grad,
        classifier_weight=layers[21].weight.grad,
        classifier_bias=layers[21].bias.grad)
    for name, gradient in gradients.items():
        assert_gradient(gradient, record[f'LFD_clean_grad_{name}'])
    published = ('1', '2', '2_1', '3', '3_1', '4', '4_1')
    for i, name in enumerate(published[1:], 1):
        assert_gradient(layers[3 * i].weight.grad.square().sum(),
                        record[f'LFD_clean_gradsq_conv{name}_weight'])
        for kind in ('weight', 'bias'):
            assert_gradient(
                getattr(layers[3 * i + 1].batch_norm,
                        kind).grad.square().sum(),
                record[f'LFD_clean_gradsq_ibn{name}_bnorm_{kind}'])


@pytest.mark.parametrize('config', [SINGLE, PSP, CASCADE])
def test_each_network_learns_from_its_own_loss_alone(config):
    model = make_model(config)
    term = model.terms['gct']
    losses = losses_of(model, weak_batch())
    parts = dict(
        own=model.backbone, partner=term.partner, detector=term.detector)

    def learners(loss):
        model.zero_grad()
        loss.backward(retain_graph=True)
        return {
            name for name, part in parts.items()
            if any(p.grad is not None and p.grad.any()
                   for p in part.parameters())
        }

    assert learners(losses['unsup_loss_gct']) == {'own', 'partner'}
    assert learners(losses['unsup_loss_gct_partner']) == {'partner'}
    assert learners(losses['unsup_loss_gct_detector']) == {'detector'}
    assert all(value.grad is not None
               for value in term.detector.parameters())
    model.zero_grad()
    model.parse_losses(losses)[0].backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
    # once for labeled, once for unlabeled images
    assert model.backbone.bn1.num_batches_tracked == 2
    assert term.partner.backbone.bn1.num_batches_tracked == 2


def test_swapping_the_networks_changes_nothing():
    model = make_model()
    other = copy.deepcopy(model)
    partner = model.terms['gct'].partner
    own = {name: value for name, value in model.state_dict().items()
           if not name.startswith('terms.')}
    other.load_state_dict({
        **model.state_dict(),
        **partner.state_dict(),
        **{f'terms.gct.partner.{name}': value for name, value in own.items()}
    })
    data = weak_batch()
    found = [losses_of(one, data) for one in (model, other)]
    for key in ('unsup_loss_gct', 'unsup_loss_gct_detector',
                'unsup_bad_ratio'):
        torch.testing.assert_close(found[0][key], found[1][key])
    torch.testing.assert_close(found[0]['sup_decode.loss_ce'],
                               found[1]['unsup_loss_gct_partner'])
    assert found[0]['unsup_loss_gct'] > 0


def test_identical_networks_teach_nothing():
    model = make_model(correction_weight=0.)
    model.terms['gct'].partner.load_state_dict(
        model.state_dict(), strict=False)
    losses = losses_of(model, weak_batch())
    assert losses['unsup_loss_gct'] == 0
    assert losses['unsup_taught_ratio'] == 0


def test_only_the_consistency_is_ramped():
    """The ramp starts after the warm-up; ``weight`` scales both losses."""
    ramp = dict(peak=100., iters=10, shape='linear')
    found = {}
    data = weak_batch()
    for iteration in (4, 9, 20):
        model = make_model(consistency_weight=ramp)
        model.iteration, model.warmup_iters = iteration, 4
        found[iteration] = losses_of(model, data)['unsup_loss_gct']
    correction = losses_of(
        make_model(consistency_weight=0.), data)['unsup_loss_gct']
    assert correction > 0
    torch.testing.assert_close(found[4], correction)
    torch.testing.assert_close(found[9] - correction,
                               (found[20] - correction) / 2)
    assert found[20] > correction
    doubled = make_model(consistency_weight=0., weight=2.)
    torch.testing.assert_close(
        losses_of(doubled, data)['unsup_loss_gct'], 2 * correction)


def test_control_learns_nothing_of_unlabeled_images():
    model = make_model(weight=0.)
    losses = losses_of(model, weak_batch())
    assert losses['unsup_bad_ratio'] > 0
    total, _ = model.parse_losses(losses)
    assert total == losses['sup_decode.loss_ce']
    total.backward()
    for name, parameter in model.named_parameters():
        # DDP waits for each
        assert parameter.grad is not None, name
        assert not name.startswith('terms.') or not parameter.grad.any()
    assert model.backbone.bn1.num_batches_tracked == 2


def test_what_padding_shows_is_left_out():
    model = make_model()
    data = weak_batch(valid=(0, 0, SIDE, SIDE // 2))
    seen = []

    def detector(images, maps):
        """Detector without a receptive field."""
        if maps.requires_grad:
            maps.retain_grad()
            seen.append(maps)
        return maps[:, :1]

    model.terms['gct'].detector.forward = detector
    losses_of(model, data)['unsup_loss_gct'].backward()
    assert len(seen) == 2
    for gradient in (maps.grad for maps in seen):
        assert gradient[..., :SIDE // 2].any()
        assert not gradient[2:, ..., SIDE // 2:].any()
        assert gradient[:2, ..., SIDE // 2:].any()


def test_crops_that_are_too_small_are_refused_before_training():
    model = make_model(detector=dict(channels=[2] * 7))
    loader = ConfigDict(dataset=ConfigDict(datasets=[]))
    with pytest.raises(ValueError, match=r'\(32, 32\) px.* crop_size'):
        model.terms['gct'].check(model, loader)
    make_model().terms['gct'].check(model, loader)


@pytest.mark.parametrize('out_channels, classes', [(1, 2), (3, 3)])
def test_sigmoid_heads(out_channels, classes):
    head = dict(
        SINGLE['decode_head'], num_classes=classes,
        out_channels=out_channels, threshold=0.5,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    model = make_model(dict(SINGLE, decode_head=head))
    data = weak_batch()
    for sample in data['data_samples'][:2]:
        sample.gt_sem_seg.data %= NUM_CLASSES - 1
    losses = losses_of(model, data)
    assert 0 < losses['unsup_loss_gct'].item() < float('inf')
    assert losses['unsup_loss_gct_detector'].isfinite()
