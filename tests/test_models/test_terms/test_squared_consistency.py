"""Tests of ``mmseg_dcc/models/terms/squared_consistency.py``."""
import copy
import itertools

import pytest
import torch
import torch.nn.functional as F

from mmseg_dcc.models.head_features import encoder_features
from mmseg_dcc.models.semi_batch import LabeledPart, SemiBatch
from mmseg_dcc.structures import ViewInfo
from tests.given_scores import given_scores
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
    settle,
    unlabeled_sample,
    without_dropout,
)

VIEWS = ('weak', 'strong1')


def with_teacher(config=SINGLE, **kwargs):
    """Student with a teacher of different weights."""
    torch.manual_seed(0)
    terms = dict(consistency=dict(type='SquaredConsistency', **kwargs))
    student = without_dropout(
        build('SemiEncoderDecoder', **config, terms=terms).train())
    teacher = settle(copy.deepcopy(student)).requires_grad_(False)
    for name, weight in teacher.named_parameters():
        if 'conv_seg' in name:
            torch.nn.init.normal_(weight)
    student.set_teacher(teacher)
    return student, teacher


def views_batch(**kwargs):
    return batch(sample=lambda: aligned_sample(VIEWS, **kwargs))


def given(classes=3, images=3, seed=0, **kwargs):
    """Term whose network and teacher have given scores."""
    model = given_scores(
        classes,
        dict(consistency=dict(type='SquaredConsistency', **kwargs)))
    generator = torch.Generator().manual_seed(seed)
    scores = torch.randn(
        images, 2, classes, SIDE, SIDE, generator=generator)
    taught = 2 * torch.randn(
        images, classes, SIDE, SIDE, generator=generator)
    return model, scores.requires_grad_(), taught


@pytest.mark.parametrize('config', [SINGLE, PSP, CASCADE])
@pytest.mark.parametrize('confidence', ['batch', 'pixel', None])
def test_loss_pixel_by_pixel(config, confidence):
    model, teacher = with_teacher(config, confidence=confidence, weight=3.)
    data = model.data_preprocessor(views_batch(), training=True)
    weak, strong = data['inputs']['unsup'].unbind(1)
    taught = teacher.encode_decode(
        weak, [dict(img_shape=(SIDE, SIDE))] * 2).softmax(1)
    sure = taught.max(1).values
    threshold = sure.flatten().quantile(0.6).item()
    model.terms['consistency'].threshold = threshold
    bare = copy.deepcopy(model)
    losses = model(**data, mode='loss')
    said = F.interpolate(
        bare.pixel_head.cls_seg(encoder_features(bare, strong)), (SIDE, SIDE),
        mode='bilinear').softmax(1)
    share = (sure >= threshold).float().mean()
    total = 0
    for at in itertools.product(range(2), range(SIDE), range(SIDE)):
        i, row, column = at
        square = sum((said[i, :, row, column] - taught[i, :, row, column])**2)
        total += square * {
            'batch': share,
            'pixel': float(sure[at] >= threshold),
            None: 1.
        }[confidence]
    torch.testing.assert_close(losses['unsup_loss_consistency'],
                               3 * total / sure.numel())
    torch.testing.assert_close(losses['unsup_confident_ratio'], share)


def test_gradients_reach_the_student_alone():
    model, teacher = with_teacher(confidence=None, mix='half_box')
    losses_of(model, views_batch())['unsup_loss_consistency'].backward()
    assert all(weight.grad is not None and weight.grad.any()
               for name, weight in model.named_parameters()
               if 'conv_seg' in name or name == 'backbone.conv1.weight')
    assert all(weight.grad is None for weight in teacher.parameters())


def test_a_student_like_its_teacher_has_no_loss():
    """Equal networks, on one view in evaluation mode, have loss 0."""
    model, _ = with_teacher(confidence=None, views=('weak', 'weak'))
    model = settle(model)
    model.set_teacher(copy.deepcopy(model))
    losses = losses_of(model, views_batch())
    assert losses['unsup_loss_consistency'] < 1e-10


@pytest.mark.parametrize('mix', ['half_box', 'classmix', 'cutmix'])
def test_mixed_pixel_by_pixel(mix):
    """Probabilities, confidence and padding are mixed like the images."""
    model, images, taught = given(
        mix=dict(kind=mix, partner='roll', prob=1.), threshold=0.6)
    samples = [
        aligned_sample(VIEWS, valid=(0, 0, SIDE - 4 * i, SIDE))
        for i in range(3)
    ]
    seen = semi_batch(model, images, samples)
    seen.view('weak').teacher_scores = taught
    term = model.terms['consistency']
    torch.manual_seed(4)
    losses = term.loss(seen)

    target = taught.softmax(1)
    confidence, labels = target.max(1)
    valid = seen.view('weak').valid
    said = images[:, 1].softmax(1)
    torch.manual_seed(4)
    masks = term.mixer.draw(images[:, 1], labels, valid)[:, 0]
    assert masks.any()
    total = confident = count = 0
    for i, row, column in itertools.product(range(3), range(SIDE),
                                            range(SIDE)):
        at = (i - 1 if masks[i, row, column] else i), row, column
        if valid[at]:
            at_all = at[0], slice(None), row, column
            total += (said[at_all] - target[at_all]).square().sum()
            confident += confidence[at] >= 0.6
            count += 1
    torch.testing.assert_close(losses['loss'],
                               total / count * confident / count)


def test_two_halves_of_one_image_are_that_image():
    """Mixing an image with itself does not change the loss."""
    losses = []
    for mix in (None, 'half_box', 'classmix'):
        model, images, taught = given(mix=mix, threshold=0.5)
        seen = semi_batch(model, images[:1].expand(3, -1, -1, -1, -1),
                          [aligned_sample(VIEWS) for _ in range(3)])
        seen.view('weak').teacher_scores = taught[:1].expand(3, -1, -1, -1)
        losses.append(model.terms['consistency'].loss(seen)['loss'])
    torch.testing.assert_close(losses[1], losses[0])
    torch.testing.assert_close(losses[2], losses[0])


def test_padding_and_unseen_pixels_learn_nothing():
    model, images, taught = given(images=1, confidence=None)
    seen = semi_batch(model, images, [
        aligned_sample(
            VIEWS, flips=(None, 'horizontal'), valid=(0, 0, 16, 24))
    ])
    seen.view('weak').teacher_scores = taught
    model.terms['consistency'].loss(seen)['loss'].backward()
    expected = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    expected[:16, -24:] = True
    assert torch.equal(images.grad[0, 1].any(0), expected)
    assert not images.grad[0, 0].any()


def test_probabilities_are_moved_to_where_the_network_sees_them():
    """Labels are moved to an overlapping window with another flip."""
    model, _, _ = given(views=('a', 'b'), confidence=None)
    image, teacher = torch.randn(2, 3, 40, 40)
    infos = dict(
        a=ViewInfo((0, 8, 32, 40), (0, 0, 32, 32), 'horizontal'),
        b=ViewInfo((8, 0, 40, 32), (0, 0, 30, 32), 'vertical'))
    taught, seen = [
        info.upright(maps[:, info.window[0]:info.window[2],
                          info.window[1]:info.window[3]])
        for info, maps in zip(infos.values(), (teacher, image))
    ]
    sample = unlabeled_sample()
    sample.set_metainfo(dict(views=infos))
    views = SemiBatch(model, LabeledPart(None, [], [], model.pixel_head),
                      torch.stack([torch.zeros(3, 32, 32), seen])[None],
                      [sample])
    views.view('a').teacher_scores = taught[None]
    squares = (image.softmax(0) - teacher.softmax(0)).square().sum(0)
    # of the pixels of b that a shows
    torch.testing.assert_close(model.terms['consistency'].loss(views)['loss'],
                               squares[8:32, 8:32].mean())


@pytest.mark.parametrize('classes, out_channels', [(2, 1), (3, 3)])
def test_heads_with_sigmoids(classes, out_channels):
    head = dict(
        SINGLE['decode_head'],
        num_classes=classes,
        out_channels=out_channels,
        threshold=0.5,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    model, teacher = with_teacher(
        dict(SINGLE, decode_head=head), views=('weak', 'weak'),
        confidence=None)
    data = views_batch()
    for sample in data['data_samples'][:2]:
        sample.gt_sem_seg.data %= NUM_CLASSES - 1
    model.eval()
    ready = model.data_preprocessor(data, training=True)
    loss = losses_of(model, data)['unsup_loss_consistency']
    meta = [dict(img_shape=(SIDE, SIDE))] * 2
    taught, said = (
        network.encode_decode(ready['inputs']['unsup'][:, 0], meta).sigmoid()
        for network in (teacher, model))
    squares = (taught - said).square().sum(1).mean()
    # one channel is two classes
    torch.testing.assert_close(loss, squares * (2 if out_channels == 1 else 1))
    loss.backward()
    assert model.decode_head.conv_seg.weight.grad.any()


def test_without_a_mix_the_pass_is_shared():
    torch.manual_seed(0)
    terms = {
        name: dict(type='SquaredConsistency', mix=mix)
        for name, mix in (('one', None), ('other', None), ('mixed',
                                                           'half_box'))
    }
    model = build('SemiEncoderDecoder', **SINGLE, terms=terms).train()
    model.set_teacher(copy.deepcopy(model))
    losses_of(model, views_batch())
    # labeled, strong, mixed
    assert model.backbone.bn1.num_batches_tracked == 3


@pytest.mark.parametrize('mix', [None, 'half_box'])
def test_control_learns_nothing_but_batch_statistics(mix):
    model, _ = with_teacher(weight=0., mix=mix)
    losses = losses_of(model, views_batch())
    assert losses['unsup_loss_consistency'] == 0
    assert model.backbone.bn1.num_batches_tracked == 2
    model.parse_losses(losses)[0].backward()


def test_weight_may_ramp_up():
    model, _ = with_teacher(confidence=None, weight=dict(peak=4., iters=10))
    plain, _ = with_teacher(confidence=None)
    data = views_batch()
    expected = losses_of(plain, data)['unsup_loss_consistency']
    model.iteration = 10
    torch.testing.assert_close(
        losses_of(model, data)['unsup_loss_consistency'], 4 * expected)


@pytest.mark.parametrize('settings, message', [
    (dict(threshold=1.1), 'threshold.*got 1.1'),
    (dict(confidence='image'), "confidence.*'pixel'.*got 'image'"),
    (dict(views=('weak', )), 'one of the network'),
    (dict(mix='mixup'), "kind='mixup' is unknown"),
])
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        build('SemiEncoderDecoder', **SINGLE,
              terms=dict(c=dict(type='SquaredConsistency', **settings)))
