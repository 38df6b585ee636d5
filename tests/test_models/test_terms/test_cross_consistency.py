"""Tests of ``mmseg_dcc/models/terms/cross_consistency.py``."""
import pytest
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData

from mmseg_dcc.models.channel_dropout import mask_channels
from mmseg_dcc.models.perturbations import drop_active_above
from mmseg_dcc.models.terms import Ramp, cross_consistency
from mmseg_dcc.structures import ViewInfo
from tests.cct_recordings import decoder_of, recorded_cutouts
from tests.given_scores import given_scores
from tests.golden import (
    assert_gradient,
    assert_values,
    golden_files,
    load,
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
    semi_batch,
    without_dropout,
)

KINDS = dict(
    drop='dropout',
    fdrop='feature_drop',
    fnoise='feature_noise',
    gcut='cutout',
    conmsk='context',
    objmsk='object',
    vat='vat')
NONE = dict.fromkeys(KINDS.values(), 0)
ONE = dict.fromkeys(KINDS.values(), 1)
recordings = pytest.mark.parametrize(
    'path', golden_files('cct'), ids=lambda path: path.stem)


def make_model(config=SINGLE, **kwargs):
    torch.manual_seed(0)
    settings = dict(
        type='CrossConsistency', background=0,
        perturbations=dict(cutout=dict(min_points=3)), weight=2.)
    return without_dropout(
        build('SemiEncoderDecoder', **config,
              terms=dict(cct={**settings, **kwargs})).train())


def weak_batch(valid=(0, 0, SIDE, SIDE), masks=False):
    data = batch(sample=lambda: aligned_sample(('weak', ), valid=valid))
    if masks:
        for sample in data['data_samples'][2:]:
            mask = torch.randint(NUM_CLASSES, (1, SIDE, SIDE))
            mask[:, :8] = 255
            sample.weak_sem_seg = PixelData(data=mask.to(torch.uint8))
    return data


def recorded_step(recorded, kinds, monkeypatch, **kwargs):
    """Step of the term on recorded features, scores and random draws.

    Returns what it computed, the images, each fourth pixel of which is a
    feature, and its decoders by their recorded name.
    """
    channels, height, width = recorded['f'].shape[1:]
    target = recorded['z']
    model = given_scores(
        target.shape[1],
        dict(
            cct=dict(
                type='CrossConsistency', background=0, stride=4,
                decoders={**NONE, **{KINDS[kind]: 1 for kind in kinds}},
                **kwargs)),
        channels=channels,
        factor=4)
    term = model.terms['cct']
    decoders = {kind: term.decoders[KINDS[kind]][0] for kind in kinds}
    for kind, decoder in decoders.items():
        decoder.load_state_dict(decoder_of(recorded, kind).state_dict())
    monkeypatch.setattr(model, 'scores_of', lambda *_: target)
    cutouts = iter(recorded_cutouts(recorded))
    monkeypatch.setattr('mmseg_dcc.models.perturbations.draw_cutouts',
                        lambda *_: next(cutouts))
    for name, function in dict(
            drop_channels=lambda features, prob: mask_channels(
                features, recorded['drop_scale']),
            drop_active=lambda features, threshold_range, valid:
            drop_active_above(features, recorded['fdrop_u'].item(), valid),
            scale_by_noise=lambda features, amplitude: features *
            (1 + recorded['fnoise_noise'])).items():
        monkeypatch.setattr(cross_consistency, name, function)
    images = torch.zeros(len(target), channels, 4 * height, 4 * width)
    images[..., ::4, ::4] = recorded['f']
    images.requires_grad_()
    box = (0, 0, 4 * height, 4 * width)
    samples = [aligned_sample(('weak', )) for _ in target]
    for sample in samples:
        sample.set_metainfo(dict(views=dict(weak=ViewInfo(box, box))))
    found = term.loss(semi_batch(model, images[:, None], samples))
    found['loss'].backward()
    assert model.decode_head.conv_seg.weight.grad is None
    return found, images.grad[..., ::4, ::4], decoders


@recordings
@pytest.mark.parametrize('kind', KINDS)
def test_recorded_decoder(path, kind, monkeypatch):
    """Loss and gradients of one decoder of each kind."""
    recorded = load(path)
    name = kind
    settings = {}
    if kind == 'vat':
        # xi and length that work in float32
        name = 'vat2'
        settings['perturbations'] = dict(
            vat=dict(xi=recorded['vat2_xi'].item(),
                     eps=recorded['vat2_eps'].item()))
        monkeypatch.setattr(torch, 'rand_like', lambda _: recorded['vat_rand'])
    found, gradient, decoders = recorded_step(
        recorded, [kind], monkeypatch, **settings)
    # the shift is inexact in float32
    assert_values(found['loss'], recorded[f'{name}_loss'],
                  5e-5 if kind == 'vat' else 1e-5)
    assert_values(found['object_ratio'], recorded['gcut_fg'].float().mean())
    assert_gradient(gradient, recorded[f'{name}_grad_f'])
    if kind != 'vat':
        layers = decoders[kind].layers
        for layer, part in ((0, 'weight'), (4, 'weight'), (4, 'bias')):
            key = f'{kind}_grad_{part[0]}{layer // 2}'
            assert_gradient(getattr(layers[layer], part).grad, recorded[key])


@recordings
def test_recorded_mean_of_all_decoders(path, monkeypatch):
    """Mean over all decoders, with the published shift."""
    recorded = load(path)
    monkeypatch.setattr(
        cross_consistency, 'shift_adversarially',
        lambda features, *_, **__: features + recorded['vat_r_adv'])
    found, gradient, _ = recorded_step(
        recorded, recorded['order'].tolist(), monkeypatch)
    assert_values(found['loss'], recorded['loss_mean'])
    assert_gradient(gradient, recorded['loss_mean_grad_f'])


@recordings
def test_recorded_ramp(path):
    """The sigmoid ramp of the weight, by iteration."""
    recorded = load(path)
    per_epoch = recorded['ramp_iters_per_epoch'].item()
    ramp = Ramp(recorded['ramp_final_w'].item(),
                recorded['ramp_epochs'].item() * per_epoch)
    for epoch, iteration, expected in recorded['ramp_points'].tolist():
        assert ramp(epoch * per_epoch + iteration) == pytest.approx(expected)


@pytest.mark.parametrize('config', [SINGLE, PSP, CASCADE])
def test_gradients(config):
    """Everything but the main classifier gets gradients, from one pass."""
    model = make_model(config)
    before = model.backbone.bn1.num_batches_tracked.item()
    losses = losses_of(model, weak_batch())
    assert model.backbone.bn1.num_batches_tracked == before + 2
    losses['unsup_loss_cct'].backward()
    for decoders in model.terms['cct'].decoders.values():
        for weight in decoders.parameters():
            assert weight.grad is not None
    assert all(
        any(weight.grad.any() for weight in decoders.parameters())
        for decoders in model.terms['cct'].decoders.values())
    assert model.backbone.conv1.weight.grad.any()
    assert model.pixel_head.conv_seg.weight.grad is None
    assert 0 < losses['unsup_object_ratio'] < 1


def test_published_decoders():
    model = make_model()
    counts = {
        kind: len(decoders)
        for kind, decoders in model.terms['cct'].decoders.items()
    }
    assert counts == dict(
        vat=2, dropout=6, cutout=6, context=2, object=2, feature_drop=6,
        feature_noise=6)
    # DeepLabv3+: features at stride 4
    assert len(model.terms['cct'].decoders['vat'][0].layers) == 1 + 2 * 3


def test_identity_of_all_perturbations():
    """Identities give the distance on clean features, pixel by pixel."""
    model = make_model(
        decoders=dict(ONE, vat=0, context=0, object=0),
        perturbations=dict(
            dropout=dict(prob=0.), cutout=dict(erase=0., min_points=3),
            feature_drop=dict(threshold_range=(1.1, 1.1)),
            feature_noise=dict(amplitude=0.)),
        distance='kl')
    data = model.data_preprocessor(
        weak_batch(valid=(0, 0, 24, SIDE)), training=True)
    loss = model(**data, mode='loss')['unsup_loss_cct']
    images = data['inputs']['unsup'][:, 0]
    batch_of = semi_batch(model, images[:, None],
                          data['data_samples']['unsup'])
    features = batch_of.view('weak').features
    target = model.scores_of(features, (SIDE, SIDE)).softmax(1)
    expected = []
    for decoders in model.terms['cct'].decoders.values():
        said = decoders[0](features).log_softmax(1)
        for image in range(2):
            for row in range(24):
                t, q = target[image, :, row], said[image, :, row]
                expected.append((t * (t.log() - q)).mean(0))
    torch.testing.assert_close(loss, 2 * torch.cat(expected).mean())


def test_masks_split_the_features():
    """Con-Msk and Obj-Msk of linear decoders add up to the clean ones."""
    model = make_model(decoders=dict(NONE, context=1, object=1), stride=1)
    term = model.terms['cct']
    seen = []
    for decoders in term.decoders.values():
        decoders[0].register_forward_pre_hook(
            lambda _, inputs: seen.append(inputs[0]))
    features = []
    data = model.data_preprocessor(weak_batch(), training=True)
    original = model.scores_of
    model.scores_of = lambda maps, size: (
        features.append(maps), original(maps, size))[1]
    losses = model(**data, mode='loss')
    torch.testing.assert_close(seen[0] + seen[1], features[0])
    assert losses['unsup_loss_cct'] > 0
    # each pixel of the features has one of the two
    alive = [maps.detach().abs().sum(1) > 0 for maps in seen]
    assert not (alive[0] & alive[1]).any() and alive[0].any()


def test_padding_does_not_count():
    """Padding affects neither contours, thresholds nor the shift."""
    # features are pixels, without a receptive field
    model = given_scores(
        NUM_CLASSES,
        dict(
            cct=dict(
                type='CrossConsistency', background=0, stride=1,
                perturbations=dict(cutout=dict(min_points=3)))),
        channels=8)
    images = torch.randn(2, 1, 8, SIDE, SIDE)

    def losses(valid):
        samples = [aligned_sample(('weak', ), valid=valid) for _ in images]
        for padding in (0., 100.):
            images[..., 16:] = padding
            torch.manual_seed(0)
            yield model.terms['cct'].loss(
                semi_batch(model, images, samples))['loss']

    torch.testing.assert_close(*losses((0, 0, SIDE, 16)))
    first, second = losses((0, 0, SIDE, SIDE))
    assert abs(first - second) > 0.1 * first


def test_weak_masks():
    """Mean over the known pixels, weighted by ``weak_weight`` at the peak."""
    decoders = dict(NONE, feature_noise=2)
    settings = dict(
        decoders=decoders,
        perturbations=dict(feature_noise=dict(amplitude=0.)))
    plain = make_model(weight=5., **settings)
    weak = make_model(weight=5., weak_weight=0.4, **settings)
    weak.load_state_dict(plain.state_dict())
    data = weak_batch(masks=True)
    processed = weak.data_preprocessor(data, training=True)
    losses = weak(**processed, mode='loss')
    plain_loss = losses_of(plain, data)['unsup_loss_cct']
    features = semi_batch(
        weak, processed['inputs']['unsup'],
        processed['data_samples']['unsup']).view('weak').features
    expected = 0
    for decoder in weak.terms['cct'].decoders['feature_noise']:
        scores = decoder(features)
        total, count = 0, 0
        for image, sample in zip(scores, processed['data_samples']['unsup']):
            mask = sample.weak_sem_seg.data[0]
            for row in range(8, SIDE):
                for column in range(SIDE):
                    total -= F.log_softmax(
                        image[:, row, column], 0)[int(mask[row, column])]
                    count += 1
        expected = expected + total / count / 2
    torch.testing.assert_close(losses['unsup_weak_cross_entropy'],
                               expected.detach())
    torch.testing.assert_close(losses['unsup_loss_cct'],
                               plain_loss + 0.4 * expected)


@pytest.mark.parametrize('weak_weight', [0., 0.4])
def test_control_reaches_every_parameter(weak_weight):
    model = make_model(weight=0., weak_weight=weak_weight)
    losses = losses_of(model, weak_batch(masks=True))
    assert losses['unsup_loss_cct'] == 0
    model.parse_losses(losses)[0].backward()
    assert all(value.grad is not None for value in model.parameters())
    assert not any(value.grad.any()
                   for value in model.terms['cct'].parameters())


def test_no_background():
    guided = dict(cutout=0, context=0, object=0)
    losses = losses_of(
        make_model(background=None, decoders=guided), weak_batch())
    assert losses['unsup_loss_cct'] > 0
    assert 'unsup_object_ratio' not in losses
    with pytest.raises(
            ValueError, match=r"\['cutout', 'object'\].*background is None.*"
            r'decoders=dict\(cutout=0, object=0\)'):
        make_model(background=None, decoders=dict(context=0))


@pytest.mark.parametrize('kwargs, message', [
    (dict(decoders=dict(dropuot=1)), r"decoders: unknown .*'dropuot'.*'vat'"),
    (dict(perturbations=dict(vat=dict(epsilon=1.))),
     r"vat: unknown keys .'epsilon'.*'xi', 'eps'"),
    (dict(decoders=NONE), 'at least one decoder'),
    (dict(decoders=dict(vat=-1)), 'at least one decoder'),
    (dict(weak_weight=-1.), 'weak_weight.*got -1'),
    (dict(background=NUM_CLASSES), 'one of the 3 classes, got 3'),
])
def test_wrong_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        make_model(**kwargs)


def test_sigmoid_heads():
    def config(classes, **kwargs):
        loss = dict(type='CrossEntropyLoss', use_sigmoid=True)
        return dict(SINGLE, decode_head=dict(
            SINGLE['decode_head'], num_classes=classes, loss_decode=loss,
            **kwargs))

    with pytest.raises(ValueError, match='CCT.*use_sigmoid=False'):
        make_model(config(3))
    model = make_model(config(2, out_channels=1, threshold=0.5))
    data = weak_batch()
    for sample in data['data_samples'][:2]:
        sample.gt_sem_seg.data %= 2
    losses = losses_of(model, data)
    assert losses['unsup_loss_cct'].isfinite()
    assert model.terms['cct'].decoders['vat'][0](
        torch.rand(1, 8, 4, 4)).shape[1] == 2
