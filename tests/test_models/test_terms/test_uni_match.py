"""Tests of ``mmseg_dcc/models/terms/uni_match.py``."""
import pytest
import torch
import torch.nn.functional as F

from mmseg_dcc.models.head_features import encoder_features
from mmseg_dcc.models.losses.pseudo_label_loss import pseudo_label_loss
from mmseg_dcc.models.mixing import mix
from mmseg_dcc.models.semi_batch import LabeledPart, SemiBatch
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
    settle,
    without_dropout,
)

VIEWS = ('weak', 'strong1', 'strong2')


def make_model(config=SINGLE, **kwargs):
    settings = {'type': 'UniMatch', 'threshold': 0., 'mix': None, **kwargs}
    torch.manual_seed(0)
    return without_dropout(
        build('SemiEncoderDecoder', **config,
              terms=dict(pseudo=settings)).train())


def views_batch(**kwargs):
    return batch(sample=lambda: aligned_sample(VIEWS, **kwargs))


class RecordedMix:
    """Mixer with recorded boxes and partners that leaves images unchanged."""

    def __init__(self, record, views):
        self.boxes = iter([record[f'box{view}'] for view in views])
        self.partners = {
            torch.int64: record['pseudo_mix'],
            torch.float32: record['conf_mix'],
            torch.bool: record['ignore_mask_mix'] == 0
        }

    def draw(self, *args):
        return next(self.boxes)[:, None].bool()

    def __call__(self, maps, masks):
        if maps.dim() == 4:
            return maps
        return mix(maps, self.partners[maps.dtype], masks)


def recorded_term(path, settings, threshold, train_views):
    """Losses of the term on recorded scores, and their gradients."""
    record = load(path)
    classes, *size = record['logits_w'].shape[1:]
    model = given_scores(
        classes,
        dict(
            pseudo=dict(
                weight=0.5, threshold=threshold, mix='cutmix',
                train_views=train_views, **settings)))
    term = model.terms['pseudo']
    term.mixer = RecordedMix(record, range(1, 1 + len(train_views)))
    names = ['w', 'fp', 's1', 's2']
    scores = torch.stack([record[f'logits_{name}'] for name in names],
                         1).requires_grad_()
    images = scores[:, [0, 2, 3]]
    # the perturbed half has the recorded scores
    term._with_dropped_copy = lambda maps: torch.cat([maps, scores[:, 1]])
    seen = SemiBatch(model, LabeledPart(None, [], [], model.pixel_head),
                     images, [aligned_sample(VIEWS) for _ in images])
    for view in seen.views.values():
        view.valid = record['ignore_mask'] == 0
    losses = term.loss(seen)
    (0.5 * losses['loss']).backward()
    return record, losses, dict(zip(names, scores.grad.unbind(1)))


@pytest.mark.parametrize('threshold, name', [(0.95, 't95'), (0., 't0')])
@pytest.mark.parametrize('path', golden_files('unimatch_v1'),
                         ids=lambda path: path.stem)
def test_recorded_values(path, threshold, name):
    record, losses, gradients = recorded_term(
        path, dict(type='UniMatch'), threshold, VIEWS[1:])
    parts = [
        record[f'unimatch_{name}_loss_u_{part}']
        for part in ('s1', 's2', 'w_fp')
    ]
    assert_values(losses['loss'],
                  parts[0] / 4 + parts[1] / 4 + parts[2] / 2)
    assert_values((record['loss_x'] + losses['loss']) / 2,
                  record[f'unimatch_{name}_loss'])
    assert_values(losses['pseudo_ratio'],
                  record[f'unimatch_{name}_mask_ratio'])
    for key in ('fp', 's1', 's2'):
        assert_gradient(gradients[key], record[f'unimatch_{name}_grad_{key}'])
    assert not gradients['w'].any()


@pytest.mark.parametrize('threshold, name', [(0.95, 't95'), (0., 't0')])
@pytest.mark.parametrize('path', golden_files('unimatch_v1'),
                         ids=lambda path: path.stem)
def test_recorded_values_of_fixmatch(path, threshold, name):
    record, losses, gradients = recorded_term(
        path, dict(type='PseudoLabels', teacher=False), threshold, VIEWS[1:2])
    assert_values(losses['loss'], record[f'fixmatch_{name}_loss_u_s'])
    assert_values((record['loss_x'] + losses['loss']) / 2,
                  record[f'fixmatch_{name}_loss'])
    assert_gradient(gradients['s1'], record[f'fixmatch_{name}_grad_s'])
    assert not any(gradients[key].any() for key in ('w', 'fp', 's2'))


@pytest.mark.parametrize('config', [SINGLE, PSP, CASCADE])
@pytest.mark.parametrize('share, weight', [(1., 1.), (0.4, 0.5)])
def test_loss_step_by_step(config, share, weight):
    """Loss computed step by step; evaluation mode keeps images independent."""
    model = settle(make_model(config, weight=weight, feature_dropout=0.))
    data = model.data_preprocessor(views_batch(), training=True)
    weak, *strong = data['inputs']['unsup'].unbind(1)

    def scores(images):
        return model.scores_of(encoder_features(model, images), (SIDE, SIDE))

    confidence, labels = scores(weak).softmax(1).max(1)
    threshold = confidence.flatten().quantile(1 - share).item()
    model.terms['pseudo'].threshold = threshold
    losses = model(**data, mode='loss')
    kept = confidence >= threshold
    first, second, dropped = (
        (F.cross_entropy(scores(images), labels, reduction='none') *
         kept).mean() for images in (*strong, weak))
    torch.testing.assert_close(
        losses['unsup_loss_pseudo'],
        weight * (first / 4 + second / 4 + dropped / 2))
    torch.testing.assert_close(losses['unsup_pseudo_ratio'],
                               kept.float().mean())


def test_half_of_the_channels_of_each_map_are_dropped():
    """The second half of the head's batch has half of the channels."""
    model = make_model()
    maps = []
    model.decode_head.register_forward_pre_hook(
        lambda _, args: maps.append([m.detach() for m in args[0]]))
    losses_of(model, views_batch())
    # the labeled images do not pass a hook of the head
    levels = maps[0]
    assert [len(level) for level in levels] == [4, 4, 4]
    shares = []
    for level in levels:
        clean, dropped = level.chunk(2)
        gone = (dropped == 0).all(-1).all(-1)
        here = ~gone[..., None, None]
        torch.testing.assert_close(dropped, 2 * clean * here)
        shares.append(gone.float().mean().item())
    # 2 images of 56 channels
    assert 0.3 < sum(shares) / 3 < 0.7
    # each image and map has its own
    halves = [level[2:].flatten(2).any(2) for level in levels]
    assert not torch.equal(*halves[0])


def test_passes_and_batch_statistics():
    """Three passes: labeled images, weak view, both strong views."""
    model = make_model()
    losses = losses_of(model, views_batch())
    assert model.backbone.bn1.num_batches_tracked == 3
    assert model.decode_head.image_pool[1].bn.num_batches_tracked == 3
    losses['unsup_loss_pseudo'].backward()
    assert model.backbone.conv1.weight.grad.any()
    assert model.decode_head.conv_seg.weight.grad.any()


def test_only_the_perturbed_half_learns_without_strong_views():
    """Labels carry no gradient; only the perturbed half does."""
    model = given_scores(
        NUM_CLASSES, dict(
            pseudo=dict(type='UniMatch', threshold=0., feature_dropout=0.)))
    images = torch.randn(2, 3, NUM_CLASSES, SIDE, SIDE).requires_grad_()
    seen = SemiBatch(model, LabeledPart(None, [], [], model.pixel_head),
                     images, [aligned_sample(VIEWS) for _ in images])
    model.terms['pseudo'].loss(seen)['loss'].backward()
    weak = images.detach()[:, 0].requires_grad_()
    labels = weak.argmax(1)
    loss = pseudo_label_loss(
        weak, labels, torch.ones(labels.shape),
        torch.ones(labels.shape, dtype=torch.bool), 0.)
    (loss / 2).backward()
    torch.testing.assert_close(images.grad[:, 0], weak.grad)


def test_no_label_is_confident_enough():
    losses = losses_of(make_model(threshold=1.), views_batch())
    assert losses['unsup_loss_pseudo'] == 0
    assert losses['unsup_pseudo_ratio'] == 0
    losses['unsup_loss_pseudo'].backward()


def test_padding_has_no_label():
    model = given_scores(
        3, dict(pseudo=dict(type='UniMatch', threshold=0., mix=None)))
    images = torch.randn(1, 3, 3, SIDE, SIDE, requires_grad=True)
    seen = SemiBatch(
        model, LabeledPart(None, [], [], model.pixel_head), images,
        [aligned_sample(VIEWS, valid=(0, 0, 16, 24))])
    model.terms['pseudo'].loss(seen)['loss'].backward()
    learned = images.grad[0].any(1)
    expected = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    expected[:16, :24] = True
    assert torch.equal(learned[1], expected)
    assert torch.equal(learned[2], expected)
    assert not learned[0][~expected].any()


@pytest.mark.parametrize('classes, out_channels', [(2, 1), (3, 3)])
def test_heads_with_sigmoids(classes, out_channels):
    head = dict(
        SINGLE['decode_head'],
        num_classes=classes,
        out_channels=out_channels,
        threshold=0.5,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    model = make_model(dict(SINGLE, decode_head=head))
    data = views_batch()
    for sample in data['data_samples'][:2]:
        sample.gt_sem_seg.data %= NUM_CLASSES - 1
    loss = losses_of(model, data)['unsup_loss_pseudo']
    assert 0.3 < loss < 4
    loss.backward()
    assert model.decode_head.conv_seg.weight.grad.any()


def test_without_weight_only_batch_statistics_move():
    """Control with weight 0."""
    model = make_model(weight=0.)
    loss = losses_of(model, views_batch())['unsup_loss_pseudo']
    assert loss == 0 and not loss.requires_grad
    assert model.backbone.bn1.num_batches_tracked == 3


@pytest.mark.parametrize('settings, message', [
    (dict(feature_dropout=1.), r'feature_dropout.*\[0, 1\), got 1'),
    (dict(feature_dropout=-0.1), 'feature_dropout.*got -0.1'),
    (dict(teacher=True), "no teacher: .*type='PseudoLabels'"),
    (dict(channel_dropout=True, teacher=False),
     'no channel_dropout and no teacher'),
    (dict(threshold=1.1), 'threshold.*got 1.1'),
])
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        make_model(**settings)
