"""Tests of ``mmseg_dcc/models/terms/pseudo_labels.py``."""
import copy
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from mmengine.logging import MMLogger
from mmseg.registry import MODELS

from mmseg_dcc.models.head_features import encoder_features
from mmseg_dcc.models.semi_batch import LabeledPart, SemiBatch
from mmseg_dcc.models.terms.mixer import warn_about_single_images
from mmseg_dcc.structures import ViewInfo
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
    settle,
    unlabeled_sample,
    without_dropout,
)

VIEWS = ('weak', 'strong1', 'strong2')


def make_model(config=SINGLE, **kwargs):
    settings = dict(type='PseudoLabels', threshold=0., **kwargs)
    torch.manual_seed(0)
    return without_dropout(
        build('SemiEncoderDecoder', **config,
              terms=dict(pseudo=settings)).train())


def with_teacher(config=SINGLE, **kwargs):
    """Student with a teacher of different weights."""
    student = make_model(config, **kwargs)
    teacher = settle(copy.deepcopy(student)).requires_grad_(False)
    for name, weight in teacher.named_parameters():
        if 'conv_seg' in name:
            torch.nn.init.normal_(weight)
    student.set_teacher(teacher)
    return student, teacher


def views_batch(**kwargs):
    return batch(sample=lambda: aligned_sample(VIEWS, **kwargs))


def probabilities(teacher, images):
    return teacher.encode_decode(
        images, [dict(img_shape=(SIDE, SIDE))] * len(images)).softmax(1)


@pytest.mark.parametrize('config', [SINGLE, PSP, CASCADE])
@pytest.mark.parametrize('confident, weight', [(1., 1.), (0.4, 0.5)])
def test_loss_pixel_by_pixel(config, confident, weight):
    model, teacher = with_teacher(config, weight=weight)
    data = model.data_preprocessor(views_batch(), training=True)
    weak, strong = data['inputs']['unsup'][:, 0], data['inputs'][
        'unsup'][:, 1]
    sure, labels = probabilities(teacher, weak).max(1)
    threshold = sure.flatten().quantile(1 - confident).item()
    model.terms['pseudo'].threshold = threshold
    bare = copy.deepcopy(model)
    losses = model(**data, mode='loss')
    scores = F.interpolate(
        bare.pixel_head.cls_seg(encoder_features(bare, strong)), (SIDE, SIDE),
        mode='bilinear')
    total = sum(-scores[i, :, row, column].log_softmax(0)[labels[i, row,
                                                                 column]]
                for i, row, column in (sure >= threshold).nonzero().tolist())
    torch.testing.assert_close(losses['unsup_loss_pseudo'],
                               weight * total / labels.numel())
    torch.testing.assert_close(losses['unsup_pseudo_ratio'],
                               (sure >= threshold).float().mean())


def test_gradients_reach_the_student_alone():
    model, teacher = with_teacher()
    losses_of(model, views_batch())['unsup_loss_pseudo'].backward()
    assert all(weight.grad is not None and weight.grad.any()
               for name, weight in model.named_parameters()
               if 'conv_seg' in name or name == 'backbone.conv1.weight')
    assert all(weight.grad is None for weight in teacher.parameters())


def test_the_network_may_label_itself():
    model = make_model(teacher=False)
    data = model.data_preprocessor(views_batch(), training=True)
    labels = []
    term = model.terms['pseudo']
    targets_of = term.targets_of

    def record(batch_):
        labels.append(targets_of(batch_))
        return labels[-1]

    term.targets_of = record
    losses = model(**data, mode='loss')
    assert not labels[0]['confidence'].requires_grad
    # labeled, weak in training mode, strong
    assert model.backbone.bn1.num_batches_tracked == 3
    losses['unsup_loss_pseudo'].backward()
    assert model.decode_head.conv_seg.weight.grad.any()


def test_train_views_share_one_pass_and_their_loss_is_the_mean():
    model, _ = with_teacher(train_views=('strong1', 'strong2'))
    single, _ = with_teacher(train_views=('strong2', ))
    data = views_batch()
    for one in (model, single):
        one.terms['pseudo'].threshold = 0.
    losses = losses_of(model, data)
    assert model.backbone.bn1.num_batches_tracked == 2
    # in evaluation mode the views are independent
    first, second = [
        losses_of(with_teacher(train_views=(name, ))[0].eval(),
                  data)['unsup_loss_pseudo'] for name in VIEWS[1:]
    ]
    both = losses_of(
        with_teacher(train_views=('strong1', 'strong2'))[0].eval(), data)
    torch.testing.assert_close(both['unsup_loss_pseudo'],
                               (first + second) / 2)
    assert losses['unsup_loss_pseudo'] > 0


def test_padding_has_no_label():
    model = given_scores(
        3, dict(pseudo=dict(type='PseudoLabels', threshold=0.)))
    images = torch.randn(1, 2, 3, SIDE, SIDE, requires_grad=True)
    seen = SemiBatch(
        model, LabeledPart(None, [], [], model.pixel_head), images, [
            aligned_sample(
                VIEWS[:2], flips=(None, 'horizontal'), valid=(0, 0, 16, 24))
        ])
    seen.view('weak').teacher_scores = torch.randn(1, 3, SIDE, SIDE)
    losses = model.terms['pseudo'].loss(seen)
    losses['loss'].backward()
    learned = images.grad[0, 1].any(0)
    expected = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    expected[:16, -24:] = True
    assert torch.equal(learned, expected)
    assert losses['pseudo_ratio'] == 1


def test_labels_are_moved_to_where_the_train_view_sees_them():
    """Labels are moved to an overlapping window with another flip."""
    model = given_scores(
        3, dict(
            pseudo=dict(
                type='PseudoLabels', label_view='a', train_views=('b', ),
                threshold=0.)))
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(3, 40, 40, generator=generator)
    teacher = torch.randn(3, 40, 40, generator=generator)
    infos = dict(
        a=ViewInfo((0, 8, 32, 40), (0, 0, 32, 32), 'horizontal'),
        b=ViewInfo((8, 0, 40, 32), (0, 0, 30, 32), 'vertical'))
    views = [
        info.upright(maps[:, info.window[0]:info.window[2],
                          info.window[1]:info.window[3]])
        for info, maps in zip(infos.values(), (teacher, image))
    ]
    samples = [unlabeled_sample()]
    samples[0].set_metainfo(dict(views=infos))
    seen = SemiBatch(
        model, LabeledPart(None, [], [], model.pixel_head),
        torch.stack([torch.zeros(3, 32, 32), views[1]])[None], samples)
    seen.view('a').teacher_scores = views[0][None]
    loss = model.terms['pseudo'].loss(seen)['loss']
    labels = teacher.argmax(0)
    total = sum(-image[:, row, column].log_softmax(0)[labels[row, column]]
                for row in range(8, 32) for column in range(8, 32))
    # of the pixels of b that a shows
    torch.testing.assert_close(loss, total / (24 * 24))


@pytest.mark.parametrize('index', [255, 1])
def test_ignored_id_of_the_head_does_not_matter(index):
    head = dict(SINGLE['decode_head'], ignore_index=index)
    model, _ = with_teacher(dict(SINGLE, decode_head=head))
    data = views_batch()
    expected = losses_of(with_teacher()[0], data)['unsup_loss_pseudo']
    model.data_preprocessor.seg_pad_val = index
    torch.testing.assert_close(
        losses_of(model, data)['unsup_loss_pseudo'], expected)


@pytest.mark.parametrize('classes, out_channels', [(2, 1), (3, 3)])
def test_heads_with_sigmoids(classes, out_channels):
    head = dict(
        SINGLE['decode_head'],
        num_classes=classes,
        out_channels=out_channels,
        threshold=0.5,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    model, teacher = with_teacher(dict(SINGLE, decode_head=head))
    data = views_batch()
    for sample in data['data_samples'][:2]:
        sample.gt_sem_seg.data %= NUM_CLASSES - 1
    losses = losses_of(model, data)
    loss = losses['unsup_loss_pseudo']
    assert 0.3 < loss < 3 and losses['unsup_pseudo_ratio'] == 1
    loss.backward()
    assert model.decode_head.conv_seg.weight.grad.any()


@pytest.mark.parametrize('head', [
    dict(type='DAHead', pam_channels=4, in_channels=32, in_index=2),
    dict(
        type='EncHead', num_codes=2, in_channels=(8, 16, 32),
        in_index=(0, 1, 2), add_lateral=False, use_se_loss=True,
        loss_se_decode=dict(
            type='CrossEntropyLoss', use_sigmoid=True, loss_weight=0.2)),
    dict(
        type='DDRHead', in_channels=32, in_index=2,
        loss_decode=[dict(type='CrossEntropyLoss')] * 2),
])
def test_heads_whose_loss_wants_more_than_one_score_map(head):
    """Heads whose stock loss needs several score maps are trained."""
    common = {
        key: SINGLE['decode_head'][key]
        for key in ('channels', 'dropout_ratio', 'num_classes', 'norm_cfg',
                    'align_corners')
    }
    config = dict(SINGLE, decode_head={**common, **head})
    if head['type'] == 'DDRHead':
        config['backbone'] = dict(type='ThreeMaps')
    model, _ = with_teacher(config)
    loss = losses_of(model, views_batch())['unsup_loss_pseudo']
    loss.backward()
    assert loss > 0 and model.decode_head.conv_seg.weight.grad.any()


@MODELS.register_module()
class ThreeMaps(torch.nn.Module):
    """Backbone stub with two branches, like that of DDRNet."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.ModuleList(
            torch.nn.Conv2d(3, channels, 3, 8, 1) for channels in (16, 32))

    def forward(self, images):
        context, final = (layer(images) for layer in self.layers)
        return (context, final) if self.training else final


class RecordedBoxes:
    """Mixer of labels with recorded boxes."""

    def __init__(self, mixer, boxes):
        self.mixer = mixer
        self.boxes = iter(boxes)

    def draw(self, images, labels, valid):
        return next(self.boxes)[:, None].bool()

    def __call__(self, maps, masks):
        return maps if maps.dim() == 4 else self.mixer(maps, masks)


@pytest.mark.parametrize('threshold, name', [(0.95, 't95'), (0., 't0')])
@pytest.mark.parametrize('path', golden_files('unimatch_v2'),
                         ids=lambda path: path.stem)
@pytest.mark.parametrize('views', [1, 2], ids=['fixmatch', 'unimatch'])
def test_recorded_values(path, threshold, name, views):
    record = load(path)
    classes, *size = record['logits_teacher'].shape[1:]
    model = given_scores(
        classes,
        dict(
            pseudo=dict(
                type='PseudoLabels', weight=0.5, threshold=threshold,
                mix=dict(partner='flip'), train_views=VIEWS[1:1 + views])))
    term = model.terms['pseudo']
    term.mixer = RecordedBoxes(term.mixer,
                               [record['box1'], record['box2']])
    images = torch.stack([
        record['logits_teacher'], record['logits_s1'], record['logits_s2']
    ], 1).requires_grad_()
    samples = [aligned_sample(VIEWS) for _ in images]
    seen = SemiBatch(model, LabeledPart(None, [], [], model.pixel_head),
                     images, samples)
    for view in seen.views.values():
        view.valid = record['ignore_mask'] != 255
    seen.view('weak').teacher_scores = record['logits_teacher']
    losses = term.loss(seen)
    method = 'fixmatch' if views == 1 else 'unimatch'
    assert_values(losses['loss'], record[f'{method}_{name}_loss_u_s'])
    assert_values(losses['pseudo_ratio'],
                  record[f'unimatch_{name}_mask_ratio'])
    (0.5 * losses['loss']).backward()
    keys = ['grad_s'] if views == 1 else ['grad_s1', 'grad_s2']
    for index, key in enumerate(keys, 1):
        assert_gradient(images.grad[:, index],
                        record[f'{method}_{name}_{key}'])
    assert not images.grad[:, 0].any()


def test_classmix_pixel_by_pixel():
    """Labels, confidence and padding are pasted with the classes."""
    model = given_scores(
        4,
        dict(
            pseudo=dict(
                type='PseudoLabels', threshold=0.5, normalise='share',
                mix=dict(kind='classmix', partner='roll'))))
    images = torch.randn(3, 2, 4, SIDE, SIDE)
    samples = [
        aligned_sample(VIEWS[:2], valid=(0, 0, SIDE - 4 * i, SIDE))
        for i in range(3)
    ]
    seen = semi_batch(model, images, samples)
    seen.view('weak').teacher_scores = torch.randn(3, 4, SIDE, SIDE)
    term = model.terms['pseudo']
    torch.manual_seed(4)
    loss = term.loss(seen)['loss']

    confidence, labels = seen.view('weak').teacher_scores.softmax(1).max(1)
    valid = seen.view('weak').valid
    torch.manual_seed(4)
    masks = term.mixer.draw(images[:, 1], labels, valid)[:, 0]
    losses = kept = count = 0
    for i in range(3):
        for row in range(SIDE):
            for column in range(SIDE):
                source = i - 1 if masks[i, row, column] else i
                at = source, row, column
                if not valid[at]:
                    continue
                scores = images[source, 1, :, row, column]
                losses -= scores.log_softmax(0)[labels[at]]
                kept += confidence[at] >= 0.5
                count += 1
    assert 0.2 < masks.float().mean() < 0.6
    torch.testing.assert_close(loss, losses / count * kept / count)


def test_complementary_channels():
    """Each channel of an image is kept in one of both views."""
    model, _ = with_teacher(
        train_views=('strong1', 'strong2'), channel_dropout=True)
    model.eval()
    data = views_batch()
    for image in data['inputs'][2:]:
        image[2] = image[1]
    seen = []
    extract = model.extract_feat

    def record(images):
        seen.append([maps.detach() for maps in extract(images)])
        return extract(images)

    model.extract_feat = record
    model.decode_head.register_forward_pre_hook(
        lambda _, args: seen.append([maps.detach() for maps in args[0]]))
    losses_of(model, data)
    clean, dropped = seen[-2:]
    for level, of_views in zip(clean, dropped):
        first, second = of_views.chunk(2)
        torch.testing.assert_close((first + second) / 2, level[:2])
        zeros = (first.flatten(2) == 0).all(2)
        # one of two images keeps all channels
        assert sorted(zeros.any(1).tolist()) == [False, True]


@pytest.mark.parametrize('count, warned', [(1, True), (2, False)])
def test_mixing_of_one_image_is_warned_of(count, warned, caplog):
    sampler = SimpleNamespace(
        images_per_batch=[2, count], is_unlabeled=[False, True])
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        warn_about_single_images(SimpleNamespace(batch_sampler=sampler))
    finally:
        logger.removeHandler(caplog.handler)
    assert ('nothing is mixed' in caplog.text) == warned


def test_without_a_teacher():
    with pytest.raises(RuntimeError, match='MeanTeacherHook.*custom_hooks'):
        losses_of(make_model(), views_batch())


@pytest.mark.parametrize('settings, message', [
    (dict(threshold=1.1), 'threshold.*got 1.1'),
    (dict(threshold=-0.1), 'threshold.*got -0.1'),
    (dict(train_views=()), 'at least one view'),
    (dict(channel_dropout=True), 'two with channel_dropout'),
    (dict(mix=dict(area_range=(0.5, 0.25))), 'area_range'),
    (dict(mix='mixup'), "kind='mixup' is unknown"),
    (dict(mix=dict(partner='other')), "partner='other' is unknown"),
])
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        build('SemiEncoderDecoder', **SINGLE,
              terms=dict(pseudo=dict(type='PseudoLabels', **settings)))
