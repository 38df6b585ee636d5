"""Tests of ``mmseg_dcc/models/terms/feature_matching.py``."""
import pytest
import torch

from mmseg_dcc.structures import ViewInfo
from tests.given_scores import given_scores, labeled_samples
from tests.golden import (
    assert_gradient,
    assert_values,
    golden_files,
    load,
)
from tests.tiny_models import (
    CASCADE,
    NUM_CLASSES,
    SIDE,
    SINGLE,
    aligned_sample,
    batch,
    build,
    losses_of,
    without_dropout,
)

# threshold and iteration of each recorded case
CASES = {
    'mixed': (0.6, 1),
    'none': (0.999, 1),
    'all': (0.001, 1),
    'iter0': (0.001, 0),
}
PASSES = ('g_fake', 'g_real', 'd_fake', 'd_real')


def make_model(config=SINGLE, discriminator=None, **kwargs):
    torch.manual_seed(0)
    settings = dict(
        type='FeatureMatching',
        discriminator=dict(
            channels=(4, 8, 8, 8), dropout=0., **(discriminator or {})),
        **kwargs)
    return without_dropout(
        build('SemiEncoderDecoder', **config,
              terms=dict(matching=settings)).train())


def weak_batch(**kwargs):
    return batch(sample=lambda: aligned_sample(('weak', ), **kwargs))


class RecordedDropout(torch.nn.Module):
    """Dropout layer with the recorded masks of each pass."""

    def __init__(self, masks):
        super().__init__()
        self.masks = iter(masks)

    def forward(self, maps):
        return maps * next(self.masks)[..., None, None]


def published_scaling(record):
    """Published scaling of images for the discriminator, with its bug."""
    own, real, other = (record[f'image_{part}'] for part in ('u', 'gt', 'l'))
    return ((own - own.min()) / (own.max() - own.min()),
            (real - real.min()) / (other.max() - other.min()))


def recorded_model(record, threshold, iteration, dropout_masks=None):
    """Term with the recorded discriminator and real images."""
    classes, low = record['logits_l'].shape[1:3]
    side = record['label_l'].shape[-1]
    factor = (side - 1) // (low - 1)
    widths = [record[f'D.conv{i}.weight'].shape[0] for i in range(1, 5)]
    model = given_scores(
        classes,
        dict(
            matching=dict(
                type='FeatureMatching',
                discriminator=dict(
                    image_channels=record['image_u'].shape[1],
                    channels=widths,
                    dropout=0.),
                self_threshold=threshold)),
        factor=factor,
        align_corners=True)
    model.iteration = iteration
    term = model.terms['matching']
    names = [
        *(f'conv{i}.{kind}' for i in range(1, 5)
          for kind in ('weight', 'bias')), 'fc.weight', 'fc.bias'
    ]
    parameters = dict(zip(names, term.discriminator.parameters()))
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(record[f'D.{name}'])
    if dropout_masks:
        for layer, masks in zip((2, 5, 8), dropout_masks):
            term.discriminator.layers[layer] = RecordedDropout(masks)
    fake_images, real_images = published_scaling(record)
    real_maps = torch.stack(
        [record['label_gt'] == label for label in range(classes)], 1).float()
    term.scaled_images = lambda *_: fake_images
    term.real_inputs = lambda _: (real_maps, real_images)
    return model, parameters, factor


def step(model, record, factor):
    """Losses and images; every ``factor``-th pixel is a score."""
    side = record['label_l'].shape[-1]
    images = {}
    for part in ('l', 'u'):
        scores = record[f'logits_{part}']
        images[part] = torch.zeros(*scores.shape[:2], side, side)
        images[part][..., ::factor, ::factor] = scores
        images[part].requires_grad_()
    view = ViewInfo((0, 0, side, side), (0, 0, side, side))
    samples = [aligned_sample(('weak', )) for _ in images['u']]
    for sample in samples:
        sample.set_metainfo(dict(views=dict(weak=view)))
    losses = model(
        dict(sup=images['l'], unsup=images['u'][:, None]),
        dict(sup=labeled_samples(record['label_l']), unsup=samples),
        mode='loss')
    model.parse_losses(losses)[0].backward()
    return losses, {
        part: single.grad[..., ::factor, ::factor]
        for part, single in images.items()
    }


@pytest.mark.parametrize('case', CASES)
@pytest.mark.parametrize('path', golden_files('s4gan'),
                         ids=lambda path: path.stem)
def test_recorded_values(path, case):
    """Gradients of both networks from one backward pass, without dropout."""
    record = load(path)
    model, parameters, factor = recorded_model(record, *CASES[case])
    losses, gradients = step(model, record, factor)
    assert_values(losses['sup_decode.loss_ce'], record['loss_ce'])
    assert_values(losses['unsup_loss_matching_critic'],
                  record['off.loss_d'])
    assert_values(
        losses['unsup_loss_matching'],
        0.1 * record['off.loss_fm'] + record[f'off.{case}.loss_st'])
    assert_values(
        losses['sup_decode.loss_ce'] + losses['unsup_loss_matching'],
        record[f'off.{case}.loss_s'])
    images = len(record['image_u'])
    assert losses['unsup_passed_ratio'] * images == record[
        f'off.{case}.n_selected']
    assert_gradient(gradients['l'], record['grad_l'])
    key = 'none' if case == 'iter0' else case
    assert_gradient(gradients['u'], record[f'off.{key}.grad_u'])
    for name, parameter in parameters.items():
        assert_gradient(parameter.grad, record[f'off.gradD.{name}'])


@pytest.mark.parametrize('path', golden_files('s4gan'),
                         ids=lambda path: path.stem)
def test_recorded_values_with_dropout(path):
    """Each of the four passes has separate dropout masks."""
    record = load(path)
    masks = [[record[f'on.mask_{name}_{layer}'] for name in PASSES]
             for layer in (1, 2, 3)]
    model, parameters, factor = recorded_model(record, 0.6, 1, masks)
    losses, gradients = step(model, record, factor)
    assert_values(losses['unsup_loss_matching'],
                  0.1 * record['on.loss_fm'] + record['on.loss_st'])
    assert_values(losses['unsup_loss_matching_critic'], record['on.loss_d'])
    assert_gradient(gradients['u'], record['on.grad_u'])
    for name, parameter in parameters.items():
        if f'on.gradD.{name}' in record:
            assert_gradient(parameter.grad, record[f'on.gradD.{name}'])
        else:
            total = record[f'on.gradD_abs.{name}']
            assert_gradient(parameter.grad.abs().sum(), total)
            assert (parameter.grad.sum() -
                    record[f'on.gradD_sum.{name}']).abs() < 1e-4 * total


@pytest.mark.parametrize('path', golden_files('s4gan'),
                         ids=lambda path: path.stem)
def test_recorded_features_and_scores(path):
    record = load(path)
    model, _, factor = recorded_model(record, 0.6, 1)
    fake_images, real_images = published_scaling(record)
    assert_values(fake_images[..., ::16, ::16], record['d_in_img_u_s16'])
    assert_values(real_images[..., ::16, ::16], record['d_in_img_gt_s16'])
    scores = torch.nn.functional.interpolate(
        record['logits_u'], record['label_l'].shape[1:], mode='bilinear',
        align_corners=True)
    term = model.terms['matching']
    for name, pictures in (('g_fake', (scores.softmax(1), fake_images)),
                           ('g_real', term.real_inputs(None))):
        features, logits = term.discriminator(*pictures)
        assert_values(features, record[f'off.feat_{name}'])
        assert_values(logits.sigmoid(), record[f'off.score_{name}'])


@pytest.mark.parametrize('config', [SINGLE, CASCADE])
def test_each_network_learns_from_its_own_loss_alone(config):
    model = make_model(config)
    losses = losses_of(model, weak_batch())
    critic = dict(model.terms['matching'].named_parameters())
    losses['unsup_loss_matching'].backward(retain_graph=True)
    assert all(value.grad is None for value in critic.values())
    assert model.backbone.conv1.weight.grad.any()
    model.zero_grad()
    losses['unsup_loss_matching_critic'].backward()
    assert all(value.grad.any() for name, value in critic.items()
               if 'weight' in name)
    assert all(value.grad is None for name, value in model.named_parameters()
               if not name.startswith('terms.'))


def test_no_image_passes_at_one():
    model = make_model(self_threshold=1., matching_weight=0.)
    model.iteration = 1
    with torch.no_grad():  # a score of 1 in float32
        model.terms['matching'].discriminator.classifier.bias.fill_(100.)
    losses = losses_of(model, weak_batch())
    assert losses['unsup_passed_ratio'] == 0
    assert losses['unsup_loss_matching'] == 0


def test_pictures_are_scaled_by_the_known_range():
    model = make_model(pixel_range=(10, 210))
    term, found = model.terms['matching'], {}

    def record(module, inputs):
        found[len(found)] = inputs

    term.discriminator.register_forward_pre_hook(record)
    data = weak_batch(valid=(0, 0, SIDE, SIDE - 8))
    losses_of(model, data)
    pixels = torch.stack(data['inputs'][2:])[:, 0].float()
    real = torch.stack(data['inputs'][:2]).float()
    maps, images = found[0]
    torch.testing.assert_close(images[..., :-8], (pixels[..., :-8] - 10) / 200)
    # padding: no class, the mean colour
    assert not maps[..., -8:].any()
    assert (images[..., -8:] == (128 - 10) / 200).all()
    torch.testing.assert_close(found[1][1], (real - 10) / 200)
    assert len(found) == 4


def test_padding_counts_for_nothing():
    model = make_model(self_threshold=0.)
    data = weak_batch(valid=(0, 0, SIDE, SIDE - 8))
    data = model.data_preprocessor(data, training=True)
    data['inputs']['unsup'].requires_grad_()
    model.iteration = 1
    scores = []
    scores_of = model.scores_of

    def kept(*args):
        scores.append(scores_of(*args))
        scores[-1].retain_grad()
        return scores[-1]

    model.scores_of = kept
    model(**data, mode='loss')['unsup_loss_matching'].backward()
    grad = scores[0].grad
    assert grad[..., :-8].any() and not grad[..., -8:].any()


@pytest.mark.parametrize('out_channels, sigmoid, classes', [
    (1, True, 2), (3, True, 3)])
def test_sigmoid_heads(out_channels, sigmoid, classes):
    head = dict(
        SINGLE['decode_head'], num_classes=classes,
        out_channels=out_channels, threshold=0.5,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=sigmoid))
    model = make_model(
        dict(SINGLE, decode_head=head), self_threshold=0., self_iters=0)
    data = weak_batch()
    for sample in data['data_samples'][:2]:
        sample.gt_sem_seg.data %= NUM_CLASSES - 1
    losses = losses_of(model, data)
    model.parse_losses(losses)[0].backward()
    assert losses['unsup_loss_matching'].isfinite()
    assert all(value.grad is not None for value in model.parameters())


def test_empty_range_is_refused():
    with pytest.raises(ValueError, match='pixel_range'):
        make_model(pixel_range=(255, 0))
