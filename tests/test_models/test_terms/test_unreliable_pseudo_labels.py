"""Tests of ``mmseg_dcc/models/terms/unreliable_pseudo_labels.py``."""
import copy
import itertools

import pytest
import torch
import torch.nn.functional as F

from mmseg_dcc.models.losses.class_contrast import PixelRows
from mmseg_dcc.models.semi_batch import LabeledPart, SemiBatch
from tests.given_scores import given_scores, labeled_samples, select
from tests.golden import (
    assert_gradient,
    assert_values,
    golden_files,
    load,
)
from tests.tiny_models import (
    CASCADE,
    NUM_CLASSES,
    SINGLE,
    aligned_sample,
    batch,
    build,
    losses_of,
    settle,
    without_dropout,
)

recordings = pytest.mark.parametrize(
    'path', golden_files('u2pl'), ids=lambda path: path.stem)
SMALL = dict(
    type='UnreliablePseudoLabels',
    representation=dict(channels=4, dropout=0.),
    ranks=(1, 20),
    anchor_threshold=0.,
    queue_sizes=50,
    anchors=20,
    negatives=5)


def make_model(config=SINGLE, **kwargs):
    """Student with a teacher of different weights."""
    torch.manual_seed(0)
    student = without_dropout(
        build('SemiEncoderDecoder', **config,
              terms=dict(u2pl={**SMALL, **kwargs})).train())
    teacher = settle(copy.deepcopy(student)).requires_grad_(False)
    for name, weight in teacher.named_parameters():
        if 'conv_seg' in name:
            torch.nn.init.normal_(weight)
    teacher.terms = torch.nn.ModuleDict()
    student.set_teacher(teacher)
    return student


def weak_batch(**kwargs):
    return batch(sample=lambda: aligned_sample(('weak', ), **kwargs))


def given_teacher(record, student_factor, **kwargs):
    """Term and batch with the recorded maps in float64.

    Of each image the first channels are the scores of the student, the last
    those of the teacher.
    """
    small = record['teacher_logits_small'].double()
    classes, *low = small.shape[1:]
    size = record['label_u'].shape[1:]
    factor = (size[0] - 1) // (low[0] - 1)
    settings = dict(channels=2 * classes, align_corners=True)
    model = given_scores(
        classes, dict(u2pl=dict(SMALL, **kwargs)), factor=student_factor,
        **settings).double()
    teacher = given_scores(classes, None, factor=factor, **settings).double()
    select(teacher, range(classes, 2 * classes))
    model.set_teacher(teacher)
    images = torch.zeros(4, 2 * classes, *size).double()
    images[:, classes:, ::factor, ::factor] = small
    images[2:, :classes] = record['student_logits_u']
    unlabeled = images[2:, None].clone().requires_grad_()
    features = images[:2, :, ::student_factor, ::student_factor]
    samples = labeled_samples(record['label_l'])
    for sample in samples:
        sample.gt_sem_seg.data = sample.gt_sem_seg.data.long()

    def at(epoch):
        model.iteration, model.max_iters = epoch, int(record['total_epochs'])
        seen = SemiBatch(
            model,
            LabeledPart(images[:2], samples, [(features, None)],
                        model.pixel_head), unlabeled,
            [aligned_sample(('weak', )) for _ in unlabeled])
        view = seen.view('weak')
        view.valid = record['label_u'] != 255
        labels = record['label_u'] * view.valid
        view.teacher_scores = F.one_hot(labels,
                                        classes).movedim(3, 1).double()
        return seen

    return model.terms['u2pl'], unlabeled, at


@pytest.mark.parametrize('epoch', [0, 40])
@recordings
def test_recorded_unsupervised_loss(path, epoch):
    record = load(path)
    term, images, at = given_teacher(record, 1, contrast_weight=0.)
    seen = at(epoch)
    valid = seen.view('weak').valid
    found = term.loss(seen)
    found['loss'].backward()
    # published: ignored pixels count in the weight
    share = valid.float().mean()
    key = f'pipe_e{epoch}_'
    assert_values(found['loss'].float(), share * record[f'{key}unsup_loss'])
    classes = images.shape[2] // 2
    assert_gradient(images.grad[:, 0, :classes].float(),
                    share * record[f'{key}grad_student_logits_u'])
    assert not images.grad[:, 0, classes:].any()
    kept = record['entropy_u'] < record[f'{key}drop_thresh']
    assert found['pseudo_ratio'] == pytest.approx(
        (kept & valid).sum().item() / valid.sum().item(), abs=1e-6)


@pytest.mark.parametrize('epoch', [0, 40])
@recordings
def test_recorded_pixels(path, epoch):
    """Labels, probabilities and masks at the size of the features."""
    record = load(path)
    size = record['label_u'].shape[1:]
    factor = (size[0] - 1) // (record['prob_u'].shape[2] - 1)
    term, _, at = given_teacher(record, factor)
    found = []
    term.contrast = lambda rows: found.append(rows) or rows.student.sum()
    term.loss(at(epoch))
    rows, = found
    key = f'pipe_e{epoch}_'
    for name, mask in dict(reliable='low', unreliable='high').items():
        expected = record[f'{key}{mask}_mask_small']
        assert torch.equal(getattr(rows, name), expected.flatten().bool())
    probabilities = torch.cat([record['prob_l'], record['prob_u']])
    assert_values(rows.probabilities.float(),
                  probabilities.movedim(1, 3).flatten(0, 2))
    labels = torch.cat([record['label_l'], record['label_u']])
    height, width = record['prob_u'].shape[2:]
    positions = itertools.product(range(4), range(height), range(width))
    for row, (image, y, x) in enumerate(positions):
        label = labels[image, y * size[0] // height, x * size[1] // width]
        assert rows.classes[row] == (-1 if label == 255 else label)
        assert rows.labeled[row] == (image < 2)


def recorded_rows(record, case, high):
    """Rows of a case with proper label maps."""
    probabilities = torch.cat(
        [record[f'{case}prob_l'], record[f'{case}prob_u']])
    hot = torch.cat([record[f'{case}label_l'], record[f'{case}label_u']])
    classes = torch.where(hot.any(1), hot.argmax(1), -1).flatten()
    student = record['pipe_rep'].movedim(1, 3).flatten(0, 2).requires_grad_()
    return PixelRows(
        student, record['pipe_rep_teacher'].movedim(1, 3).flatten(0, 2),
        probabilities.movedim(1, 3).flatten(0, 2), classes,
        record['full_low_mask'].flatten().bool(), high.flatten().bool(),
        torch.arange(len(classes)) < len(classes) // 2)


def term_of(record, classes):
    return given_scores(
        classes,
        dict(
            u2pl=dict(
                type='UnreliablePseudoLabels',
                representation=dict(channels=record['pipe_rep'].shape[1]),
                anchors=int(record['config_num_queries']),
                negatives=int(record['config_num_negatives']),
                temperature=float(
                    record['config_temperature'])))).terms['u2pl']


@recordings
def test_recorded_contrast_that_does_not_depend_on_draws(path):
    """``contrast`` with one anchor and one negative of each class."""
    record = load(path)
    record['fixed_label_l'] = record['full_label_l']
    record['fixed_label_u'] = record['full_label_u']
    classes = record['fixed_label_l'].shape[1]
    term = term_of(record, classes)
    for index in range(classes):
        before = record[f'fixed_queue{index}_before']
        term.queues.push(before, torch.full((len(before), ), index))
    rows = recorded_rows(record, 'fixed_', record['fixed_high_mask'])
    found = term.contrast(rows)
    found.backward()
    assert_values(found, record['fixed_loss'])
    assert_gradient(rows.student.grad,
                    record['fixed_grad_rep'].movedim(1, 3).flatten(0, 2))
    for index in range(classes):
        assert torch.equal(
            term.queues.rows(index), record[f'fixed_queue{index}_after'])


@recordings
def test_without_negatives_there_is_no_contrast(path):
    """With two classes nothing enters a queue, as recorded."""
    record = load(path)
    term = term_of(record, record['two_label_l'].shape[1])
    rows = recorded_rows(record, 'two_', record['fixed_high_mask'])
    found = term.contrast(rows)
    found.backward()
    assert found == record['two_loss'] == 0
    assert torch.equal(rows.student.grad,
                       record['two_grad_rep'].movedim(1, 3).flatten(0, 2))
    # In the paper labeled pixels are negatives of the other class.
    rows = recorded_rows(record, 'two_', record['full_high_mask'])
    assert term.contrast(rows) > 0
    assert (term.queues.fill > 0).all()


@pytest.mark.parametrize('config', [SINGLE, CASCADE])
def test_network_and_representation_learn_and_no_teacher(config):
    model = make_model(config)
    losses = losses_of(model, weak_batch())
    assert losses['unsup_contrast'] > 0
    assert 0.7 < losses['unsup_pseudo_ratio'] < 0.9
    assert losses['unsup_queue_fill'] > 0
    losses['unsup_loss_u2pl'].backward()
    term = model.terms['u2pl']
    for name, weight in [
            *model.backbone.named_parameters(),
            *term.representation.named_parameters()]:
        # the gradient of a bias before a norm is rounding error
        assert weight.grad is not None and weight.grad.isfinite().all(), name
    assert term.representation.layers[-1].weight.grad.any()
    assert model.backbone.conv1.weight.grad.any()
    assert all(weight.grad is None for weight in [
        *model.teacher.parameters(),
        *term.teacher_representation.parameters()
    ])


def test_labeled_pixels_are_anchors_too():
    """The contrast has gradients for the pass of labeled images."""
    model = make_model()
    model.sup_weight = 0.
    data = model.data_preprocessor(weak_batch(), training=True)
    data['inputs']['sup'].requires_grad_()
    model(**data, mode='loss')['unsup_loss_u2pl'].backward()
    assert data['inputs']['sup'].grad.flatten(1).any(1).all()


def test_loss_is_the_sum_of_pseudo_labels_and_weighted_contrast():
    found = []
    data = weak_batch()
    for weight in (0., 1., 3.):
        model = make_model(contrast_weight=weight)
        found.append(losses_of(model, data))
    labels, once, thrice = (one['unsup_loss_u2pl'] for one in found)
    contrast = found[1]['unsup_contrast']
    torch.testing.assert_close(once, labels + contrast)
    torch.testing.assert_close(thrice, labels + 3 * contrast)


def test_without_contrast_every_parameter_is_reached():
    model = make_model(contrast_weight=0.)
    losses = losses_of(model, weak_batch())
    assert 'unsup_contrast' not in losses
    losses['unsup_loss_u2pl'].backward()
    term = model.terms['u2pl']
    assert all(weight.grad is not None
               for weight in term.representation.parameters())


def test_schedule_keeps_everything_in_the_end():
    model = make_model()
    model.max_iters = 100
    ratios = []
    for model.iteration in (0, 50, 100):
        ratios.append(
            losses_of(model, weak_batch())['unsup_pseudo_ratio'].item())
    # all but the pixel of highest entropy
    assert ratios == pytest.approx([0.8, 0.9, 1.], abs=0.01)


def test_teacher_representation_is_the_average():
    model = make_model(momentum=0.4)
    term = model.terms['u2pl']
    own = [weight.detach() for weight in term.representation.parameters()]
    expected = None
    for step in range(3):
        with torch.no_grad():
            for weight in own:
                weight.add_(torch.rand_like(weight) * 0.1)
        losses_of(model, weak_batch())
        # a copy, then 1/2, then the momentum
        share = (1., 0.5, 0.4)[step]
        expected = [
            weight.clone() if expected is None else
            (1 - share) * before + share * weight for weight, before in zip(
                own, expected or own)
        ]
        for weight, taught in zip(expected,
                                  term.teacher_representation.parameters()):
            torch.testing.assert_close(taught, weight)


def test_padding_is_neither_learned_nor_compared():
    model = make_model()
    data = model.data_preprocessor(
        weak_batch(valid=(0, 0, 16, 24)), training=True)
    term, found = model.terms['u2pl'], []
    contrast = term.contrast
    term.contrast = lambda rows: found.append(rows) or contrast(rows)
    losses = model(**data, mode='loss')
    side = int((len(found[0].classes) / 4)**0.5)
    seen = torch.zeros(side, side, dtype=torch.bool)
    seen[:side // 2, :side * 3 // 4] = True
    classes = found[0].classes.view(4, side, side)[2:]
    assert torch.equal(classes >= 0, seen.expand(2, -1, -1))
    for mask in (found[0].reliable, found[0].unreliable):
        assert not mask.view(4, side, side)[2:][:, ~seen].any()
    assert 0.7 < losses['unsup_pseudo_ratio'] < 0.9


def test_labels_are_mixed_like_the_images():
    model = make_model(mix=dict(area_range=(0.5, 0.5), prob=1.))
    term, found = model.terms['u2pl'], []
    mixed = term._mixed
    term._mixed = lambda *args: found.append(mixed(*args)) or found[-1]
    data = model.data_preprocessor(weak_batch(), training=True)
    images = data['inputs']['unsup'][:, 0]
    model(**data, mode='loss')
    labels = model.teacher.encode_decode(
        images, [dict(img_shape=images.shape[2:])] * 2).argmax(1)
    own = (found[0]['images'] == images).all(1)
    assert 0.3 < own.float().mean() < 0.7
    assert torch.equal(found[0]['labels'],
                       labels.where(own, labels.flip(0)))


class Overflow(torch.nn.Module):
    """Backbone whose second pass, that of mixed images, overflows."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.calls = 0

    def forward(self, images):
        self.calls += 1
        return self.backbone(images * (1e30 if self.calls > 1 else 1.))


def test_overflow_leaves_no_trace():
    model = make_model()
    model.backbone = Overflow(model.backbone)
    before = {key: value.clone() for key, value in model.named_buffers()}
    data = model.data_preprocessor(weak_batch(), training=True)
    with torch.autocast('cpu', dtype=torch.float16):
        losses = model(**data, mode='loss')
    assert not losses['unsup_loss_u2pl'].isfinite()
    for key, value in model.named_buffers():
        assert value.isfinite().all(), key
        if 'running_' in key:
            assert torch.equal(value, before[key]), key


def test_head_of_one_channel():
    head = dict(
        SINGLE['decode_head'], num_classes=2, out_channels=1, threshold=0.5,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    model = make_model(dict(SINGLE, decode_head=head))
    data = weak_batch()
    for sample in data['data_samples'][:2]:
        sample.gt_sem_seg.data %= NUM_CLASSES - 1
    losses = losses_of(model, data)
    assert losses['unsup_contrast'] > 0
    losses['unsup_loss_u2pl'].backward()
    assert model.decode_head.conv_seg.weight.grad.any()


def test_several_sigmoids_are_refused():
    head = dict(
        SINGLE['decode_head'],
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    with pytest.raises(ValueError, match='U2PL.*use_sigmoid=False'):
        make_model(dict(SINGLE, decode_head=head))


@pytest.mark.parametrize('settings, message', [
    (dict(unreliable=0.6), 'unreliable in .0, 0.5. .* got 0.6'),
    (dict(contrast_weight=-1.), 'contrast_weight >= 0'),
    (dict(ranks=(3, 3)), 'ranks.*got .3, 3'),
    (dict(anchors=0), 'at least 1'),
    (dict(temperature=0.), 'temperature above 0'),
    (dict(queue_sizes=[3]), 'queue_sizes'),
    (dict(queue_sizes=0), 'queue_sizes'),
])
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        make_model(**settings)


@pytest.mark.parametrize('ranks, warned', [((3, 20), True), ((1, 20), False)])
def test_few_classes_are_warned_of(ranks, warned, warnings_logged,
                                   monkeypatch):
    model = make_model(ranks=ranks)
    monkeypatch.setattr('mmseg_dcc.models.terms.semi_term.SemiTerm.check',
                        lambda *_: None)
    model.terms['u2pl'].check(model, None)
    assert [
        'only labeled pixels' in warning for warning in warnings_logged()
    ] == [True] * warned


def test_control_fills_the_queues_and_teaches_nothing():
    model = make_model(weight=0.)
    losses = losses_of(model, weak_batch())
    assert losses['unsup_loss_u2pl'] == 0
    assert losses['unsup_contrast'] > 0 and losses['unsup_queue_fill'] > 0
    losses['unsup_loss_u2pl'].backward()
    term = model.terms['u2pl']
    assert all(not weight.grad.any()
               for weight in term.representation.parameters())
    assert model.backbone.conv1.weight.grad is None
