"""Tests of ``mmseg_dcc/models/head_features.py``."""
import pytest
import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import nn

from mmseg_dcc.models.head_checks import check_head_types
from mmseg_dcc.models.head_features import (
    class_confidence,
    class_labels,
    classifier_input,
    confidence_and_pseudo_label,
    pixel_heads,
    recorded_classifier,
    uses_sigmoid,
)

CHANNELS = 6
LEVELS = [4, 8, 8, 12]
COMMON = dict(channels=CHANNELS, num_classes=3, dropout_ratio=0.9)
NORM = dict(norm_cfg=dict(type='BN'))
HEADS = {
    'FCNHead':
    dict(in_channels=12, num_convs=1, **NORM),
    'DepthwiseSeparableASPPHead':
    dict(in_channels=12, dilations=(1, 2), c1_in_channels=4, c1_channels=2,
         **NORM),
    'PSPHead':
    dict(in_channels=12, pool_scales=(1, 2), **NORM),
    'SegformerHead':
    dict(in_channels=LEVELS, in_index=[0, 1, 2, 3], **NORM),
    'UPerHead':
    dict(in_channels=LEVELS, in_index=[0, 1, 2, 3], pool_scales=(1, 2),
         **NORM),
}


def make_head(name='FCNHead', **kwargs):
    return MODELS.build({**COMMON, **HEADS[name], **kwargs, 'type': name})


def make_levels():
    return [
        torch.randn(2, channels, 16 >> i, 16 >> i)
        for i, channels in enumerate(LEVELS)
    ]


def make_weighted_head(weight, **kwargs):
    """Head that classifies one feature channel with given weights."""
    head = MODELS.build(
        dict(
            type='FCNHead', in_channels=1, channels=1, num_convs=0,
            concat_input=False, **kwargs))
    with torch.no_grad():
        head.conv_seg.weight.copy_(torch.tensor(weight).view(-1, 1, 1, 1))
        head.conv_seg.bias.zero_()
    return head


class HeadWithoutClassifier(BaseDecodeHead):
    """Head that never calls ``cls_seg``."""

    def forward(self, inputs):
        return self.conv_seg(inputs[-1])


class HeadWithTwoCalls(BaseDecodeHead):

    def forward(self, inputs):
        return self.cls_seg(inputs[-1]) + self.cls_seg(inputs[-1])


class FailingHead(BaseDecodeHead):

    def forward(self, inputs):
        self.cls_seg(inputs[-1])
        raise ArithmeticError('head failed')


class RememberingHead(BaseDecodeHead):

    def forward(self, inputs):
        self.scores = self.cls_seg(inputs[-1])
        return self.scores


def toy_head(head_class):
    return head_class(
        in_channels=LEVELS[-1], channels=LEVELS[-1], num_classes=3)


@pytest.mark.parametrize('name', HEADS)
def test_features_are_what_enters_dropout(name):
    head = make_head(name).train()
    seen = []
    head.dropout.register_forward_pre_hook(
        lambda _, args: seen.append(args[0]))
    features = classifier_input(head, make_levels())
    assert features.shape[:2] == (2, CHANNELS)
    assert torch.equal(features, seen[0]) and len(seen) == 1


@pytest.mark.parametrize('name', HEADS)
def test_classified_features_are_the_head_s_output(name):
    head = make_head(name).eval()
    levels = make_levels()
    features = classifier_input(head, levels)
    torch.testing.assert_close(head.conv_seg(features), head(levels))


@pytest.mark.parametrize('name', HEADS)
def test_gradient_reaches_all_but_the_classifier(name):
    head = make_head(name).train()
    levels = [level.requires_grad_() for level in make_levels()]
    classifier_input(head, levels).square().sum().backward()
    without = [
        key for key, value in head.named_parameters() if value.grad is None
    ]
    assert without == ['conv_seg.weight', 'conv_seg.bias']
    assert levels[-1].grad.any()


def test_scores_inside_the_head_carry_no_gradient():
    head = toy_head(RememberingHead)
    levels = [level.requires_grad_() for level in make_levels()]
    features = classifier_input(head, levels)
    assert features.requires_grad and not head.scores.requires_grad


def test_head_is_as_before_afterwards():
    head = make_head().train()
    classifier_input(head, make_levels())
    assert 'cls_seg' not in vars(head)
    scores = head(make_levels())
    assert scores.requires_grad and scores.size(1) == 3


def test_head_is_as_before_after_an_exception():
    head = toy_head(FailingHead)
    with pytest.raises(ArithmeticError, match='head failed'):
        classifier_input(head, make_levels())
    assert 'cls_seg' not in vars(head)


def test_cls_seg_of_a_subclass_is_called():

    class OwnClassifier(type(make_head())):

        def cls_seg(self, features):
            self.called = True
            return super().cls_seg(features)

    head = OwnClassifier(**COMMON, **HEADS['FCNHead'])
    classifier_input(head, make_levels())
    assert head.called


@pytest.mark.parametrize('head_class, calls', [(HeadWithoutClassifier, 0),
                                               (HeadWithTwoCalls, 2)])
def test_cls_seg_must_be_called_once(head_class, calls):
    with pytest.raises(
            RuntimeError,
            match=f'{head_class.__name__}.*called cls_seg {calls} times'):
        classifier_input(toy_head(head_class), make_levels())


def test_head_without_classifier_is_refused_by_name():

    head = toy_head(HeadWithoutClassifier)
    del head.conv_seg
    with pytest.raises(TypeError, match='WithoutClassifier is not supp'):
        pixel_heads(head)


def test_module_that_is_no_decode_head_is_refused_by_name():
    with pytest.raises(TypeError, match='Conv2d is not supported: terms need'):
        pixel_heads(nn.Conv2d(1, 1, 1))


@pytest.mark.parametrize('name', HEADS)
def test_stock_heads_are_accepted(name):
    head = make_head(name)
    check_head_types(dict(type=name), dict(type='ResNet'))
    assert pixel_heads(head) == [head]


def test_heads_of_a_cascade_run_in_turn():
    heads = nn.ModuleList([make_head(), make_head()])
    assert pixel_heads(heads) == [*heads]


def test_head_that_refines_is_left_out():
    """K-Net refines inside its head, PointRend in a second head."""
    generator, iterative, refining = make_head(), make_head(), make_head()
    iterative.kernel_generate_head = generator
    del iterative.conv_seg, refining.conv_seg
    assert pixel_heads(iterative) == [generator]
    assert pixel_heads(nn.ModuleList([generator, refining])) == [generator]


@pytest.mark.parametrize('head_type', ['MaskFormerHead', 'Mask2FormerHead'])
def test_mask_classification_is_refused_before_it_is_built(head_type):
    for config in (dict(type=head_type), [dict(type='FCNHead'),
                                          dict(type=head_type)],
                   dict(type=MODELS.get(head_type))):
        with pytest.raises(TypeError, match=f'^{head_type} is not supported'):
            check_head_types(config, dict(type='ResNet'))


def test_model_without_backbone_is_refused_by_the_name_of_its_head():
    with pytest.raises(TypeError, match='^SideAdapterCLIPHead is not supp'):
        check_head_types(dict(type='SideAdapterCLIPHead'), None)


def test_unknown_head_is_left_to_the_registry():
    check_head_types(dict(type='NoSuchHead'), dict(type='ResNet'))


def test_confidence_is_the_highest_probability():
    head = make_weighted_head([1., 2., -1.], num_classes=3)
    features = torch.tensor([[[[0.5, -3.]]]])
    confidence, labels = confidence_and_pseudo_label(head, features)
    expected = torch.tensor([[.5, 1., -.5], [-3., -6., 3.]]).softmax(1)
    torch.testing.assert_close(confidence.flatten(), expected.amax(1))
    assert labels.tolist() == [[[1, 2]]]


def test_binary_head_is_read_as_two_classes():
    head = make_weighted_head([1.], num_classes=2, out_channels=1,
                              threshold=0.5)
    scores = torch.tensor([-3., -.5, .5, 3.])
    confidence, labels = confidence_and_pseudo_label(
        head, scores.view(1, 1, 2, 2))
    torch.testing.assert_close(confidence.flatten(),
                               torch.sigmoid(scores.abs()))
    assert labels.flatten().tolist() == [0, 0, 1, 1]


def test_binary_head_has_a_threshold_of_its_own():
    """The default threshold of a stock head is 0.3."""
    head = make_weighted_head([1.], num_classes=2, out_channels=1)
    foreground = torch.tensor([.1, .29, .31, .6])
    confidence, labels = confidence_and_pseudo_label(
        head, foreground.logit().view(1, 1, 2, 2))
    assert labels.flatten().tolist() == [0, 0, 1, 1]
    torch.testing.assert_close(confidence.flatten(),
                               torch.tensor([.9, .71, .31, .6]))


@pytest.mark.parametrize('loss, sigmoid', [
    (dict(type='CrossEntropyLoss', use_sigmoid=True), True),
    (dict(type='FocalLoss'), True),
    (dict(type='CrossEntropyLoss'), False),
    # a softmax with a loss beside it that has sigmoids by default
    ([dict(type='CrossEntropyLoss'),
      dict(type='DiceLoss', loss_name='loss_dice')], False),
    (dict(type='LovaszLoss', reduction='none'), False),
])
def test_classes_with_sigmoids_have_probabilities_of_their_own(loss, sigmoid):
    """A softmax would give 0.996 where the highest sigmoid is 0.38."""
    head = make_head(loss_decode=loss)
    scores = torch.tensor([-0.5, -6., -7.]).view(1, 3, 1, 1)
    confidence, label = class_confidence(head, scores)
    assert uses_sigmoid(head) is sigmoid and label == 0
    expected = scores.sigmoid() if sigmoid else scores.softmax(1)
    torch.testing.assert_close(confidence, expected[:, 0])


def test_classes_of_high_scores_do_not_tie():
    head = make_head(
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    scores = torch.tensor([30., 40., 35.]).view(1, 3, 1, 1)
    assert class_confidence(head, scores)[1] == 1


def test_scores_and_features_are_recorded_with_their_graph():
    head = make_head().train()
    levels = [level.requires_grad_() for level in make_levels()]
    with recorded_classifier(head) as recorded:
        scores = head(levels)
    (features, found), = recorded
    assert torch.equal(found, scores) and found.requires_grad
    assert features.shape[1] == CHANNELS
    found.sum().backward()
    assert head.conv_seg.weight.grad.any() and levels[-1].grad.any()
    assert 'cls_seg' not in vars(head)


def test_confidence_has_no_graph():
    features = torch.randn(1, CHANNELS, 4, 4, requires_grad=True)
    confidence, labels = confidence_and_pseudo_label(make_head(), features)
    assert not confidence.requires_grad and not labels.requires_grad


def test_confidence_without_dropout():
    head = make_head().train()
    features = torch.randn(1, CHANNELS, 4, 4)
    expected = head.conv_seg(features).softmax(1).max(1)
    confidence, labels = confidence_and_pseudo_label(head, features)
    torch.testing.assert_close(confidence, expected.values)
    assert torch.equal(labels, expected.indices)


@pytest.mark.parametrize('training', [True, False])
def test_mode_of_dropout_stays(training):
    head = make_head().train(training)
    confidence_and_pseudo_label(head, torch.randn(1, CHANNELS, 4, 4))
    assert head.dropout.training is training


def test_mode_of_dropout_stays_after_an_exception():
    head = make_head().train()
    with pytest.raises(RuntimeError):
        confidence_and_pseudo_label(head, torch.randn(1, CHANNELS + 1, 4, 4))
    assert head.dropout.training


def test_confidence_of_a_head_without_dropout():
    head = make_head(dropout_ratio=0)
    confidence, _ = confidence_and_pseudo_label(
        head, torch.randn(1, CHANNELS, 4, 4))
    assert confidence.shape == (1, 4, 4)


@pytest.mark.parametrize('channels, classes, sigmoid', [
    (1, 2, True), (3, 3, True), (3, 3, False)])
def test_labels_alone_are_those_of_the_confidence(channels, classes, sigmoid):
    head = make_head(
        num_classes=classes, out_channels=channels, threshold=0.3,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=sigmoid))
    scores = torch.randn(2, channels, 5, 4)
    labels = class_labels(head, scores)
    assert torch.equal(labels, class_confidence(head, scores)[1])
    assert labels.unique().tolist() == [*range(classes)]
