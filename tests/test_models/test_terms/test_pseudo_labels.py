"""Tests of ``mmseg_dcc/models/segmentors/mean_teacher_dcc_segmentor.py``."""
import copy
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from mmseg_dcc.models.cutmix import cutmix, random_boxes
from tests.tiny_models import (
    CASCADE,
    NUM_CLASSES,
    PSP,
    SIDE,
    SINGLE,
    batch,
    build_dcc,
    losses_of,
    settle,
    without_dropout,
)

IGNORE = 255
make_model = partial(build_dcc, segmentor='MeanTeacherDCCSegmentor')


def with_teacher(config=SINGLE, **kwargs):
    """A student, and a teacher that differs from it."""
    student = without_dropout(make_model(config, **kwargs))
    teacher = settle(copy.deepcopy(student)).requires_grad_(False)
    for name, weight in teacher.named_parameters():
        if 'conv_seg' in name:
            torch.nn.init.normal_(weight)
    student.set_teacher(teacher)
    return student, teacher


def probabilities(teacher, images):
    return teacher.encode_decode(
        images, [dict(img_shape=(SIDE, SIDE))] * len(images)).softmax(1)


def confidence_of(teacher, images):
    return probabilities(teacher, images).amax(1).flatten()


def labels_of(teacher, images, threshold):
    """Pixel by pixel, without padding."""
    labels = torch.full((len(images), SIDE, SIDE), IGNORE)
    for i, image in enumerate(probabilities(teacher, images)):
        for row in range(SIDE):
            for column in range(SIDE):
                confidence, label = image[:, row, column].max(0)
                if confidence >= threshold:
                    labels[i, row, column] = label
    return labels


@pytest.mark.parametrize('config', [SINGLE, PSP, CASCADE])
@pytest.mark.parametrize('confident, weight', [(1., 1.), (0.4, 0.5)])
def test_loss(config, confident, weight):
    model, teacher = with_teacher(config, pseudo_weight=weight)
    data = model.data_preprocessor(batch(), training=True)
    images = data['inputs']['unsup'][:, 0]
    model.pseudo_threshold = confidence_of(teacher, images).quantile(
        1 - confident).item()
    labels = labels_of(teacher, images, model.pseudo_threshold)
    torch.testing.assert_close(
        (labels != IGNORE).float().mean().item(), confident, rtol=0, atol=0.15)
    bare = copy.deepcopy(model)
    torch.manual_seed(3)
    losses = model(**data, mode='loss')
    # the DC loss draws its negatives first
    torch.manual_seed(3)
    type(bare).__mro__[1].unsup_loss(bare, data['inputs']['unsup'],
                                     data['data_samples']['unsup'])
    images, labels = cutmix(
        images, labels, random_boxes(len(images), (SIDE, SIDE), (0.25, 0.5)))
    scores = F.interpolate(
        bare.pixel_head.cls_seg(bare.encoder_features(images)), (SIDE, SIDE),
        mode='bilinear')
    total = sum(-scores[i, :, row, column].log_softmax(0)[label]
                for i, mask in enumerate(labels.tolist())
                for row, line in enumerate(mask)
                for column, label in enumerate(line) if label != IGNORE)
    torch.testing.assert_close(losses['unsup_loss_pseudo'],
                               weight * total / labels.numel())
    assert losses['unsup_pseudo_ratio'] == (labels != IGNORE).float().mean()


def test_gradients_reach_the_classifier_of_the_student_alone():
    model, teacher = with_teacher(pseudo_threshold=0.)
    losses_of(model)['unsup_loss_pseudo'].backward()
    reached = {
        name
        for name, weight in model.named_parameters()
        if weight.grad is not None and weight.grad.any()
    }
    assert {'decode_head.conv_seg.weight', 'backbone.conv1.weight'} < reached
    assert not any(name.startswith('projector') for name in reached)
    assert all(weight.grad is None for weight in teacher.parameters())


def test_the_rest_is_dcc():
    """Same losses and bank as DCC; the teacher's statistics are not moved."""
    data = batch()
    model, teacher = with_teacher()
    plain = without_dropout(build_dcc())
    plain.load_state_dict(model.state_dict())  # also: the same names
    before = copy.deepcopy(teacher.state_dict())
    losses = []
    for segmentor in (model, plain):
        torch.manual_seed(1)
        losses.append(losses_of(segmentor, data))
    for key, value in losses[1].items():
        torch.testing.assert_close(losses[0][key], value, rtol=0, atol=0)
    assert set(losses[0]) - set(losses[1]) == {
        'unsup_loss_pseudo', 'unsup_pseudo_ratio'
    }
    for name, value in plain.memory_bank.state_dict().items():
        assert torch.equal(model.memory_bank.state_dict()[name], value)
    for name, value in teacher.state_dict().items():
        assert torch.equal(before[name], value), name


@pytest.mark.parametrize('flip, inside', [
    (None, (slice(4, 20), slice(0, 8))),
    ('horizontal', (slice(4, 20), slice(24, 32))),
    ('vertical', (slice(12, 28), slice(0, 8))),
])
def test_padding_has_no_label(flip, inside):
    model, _ = with_teacher(pseudo_threshold=0.)
    data = batch(pairs=1)
    data['data_samples'][2].set_metainfo(
        dict(flips=[flip, None], valid_boxes=((4, 0, 20, 8), ) * 2))
    labels = model.pseudo_labels(
        torch.randn(1, 3, SIDE, SIDE), data['data_samples'][2:])
    known = labels[0] != IGNORE
    expected = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    expected[inside] = True
    assert torch.equal(known, expected)


def test_binary_head():
    model, _ = with_teacher(
        dict(
            SINGLE,
            decode_head=dict(
                SINGLE['decode_head'],
                num_classes=2,
                out_channels=1,
                threshold=0.5,
                loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))),
        pseudo_threshold=0.)
    data = batch()
    for sample in data['data_samples'][:2]:
        sample.gt_sem_seg.data %= NUM_CLASSES - 1
    loss = losses_of(model, data)['unsup_loss_pseudo']
    assert loss > 0 and loss.isfinite()


def test_without_a_teacher():
    with pytest.raises(RuntimeError, match='MeanTeacherHook.*custom_hooks'):
        losses_of(make_model())


@pytest.mark.parametrize('key, value', [
    ('pseudo_threshold', 1.),
    ('pseudo_threshold', -0.1),
    ('cutmix_area', (0.5, 0.25)),
    ('cutmix_area', (0., 0.25)),
])
def test_bad_settings(key, value):
    with pytest.raises(ValueError, match=f'model.{key}.*got'):
        make_model(**{key: value})
