"""Tests of ``mmseg_dcc/models/terms/error_correction.py``."""
import copy

import pytest
import torch
import torch.nn.functional as F

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


def make_model(config=SINGLE, **kwargs):
    torch.manual_seed(0)
    return without_dropout(
        build('SemiEncoderDecoder', **config,
              terms=dict(correction=dict(type='ErrorCorrection',
                                         **kwargs))).train())


def weak_batch(**kwargs):
    return batch(sample=lambda: aligned_sample(('weak', ), **kwargs))


def split(model):
    """Parameters of the segmentor and of the corrector."""
    parts = {True: [], False: []}
    for name, parameter in model.named_parameters():
        parts[name.startswith('terms.')].append((name, parameter))
    return parts[False], parts[True]


@pytest.mark.parametrize('config, settings', [
    (SINGLE, {}),
    (CASCADE, {}),
    (PSP, dict(corrector_input='logits', certainty='target',
               normalise='certainty', match_weight=0.1)),
    (SINGLE, dict(corrector_input='one_hot', certainty='none',
                  regulariser_weight=0.)),
], ids=['single', 'cascade', 'logits', 'one_hot'])
def test_each_network_learns_from_its_own_loss_alone(config, settings):
    model = make_model(config, **settings)
    segmentor, corrector = split(model)
    losses = losses_of(model, weak_batch())
    losses['unsup_loss_correction'].backward(retain_graph=True)
    assert all(value.grad is None for _, value in corrector)
    assert model.backbone.conv1.weight.grad.any()
    model.zero_grad()
    losses['unsup_loss_correction_corrector'].backward()
    assert all(value.grad is None for _, value in segmentor)
    assert all(value.grad is not None for _, value in corrector)
    network = model.terms['correction'].corrector.network
    for weight in (network.backbone.conv1.weight,
                   network.backbone.conv1.further.weight):
        assert weight.grad.any()
    # the class "match"
    *_, head = [
        module for module in network.modules() if hasattr(module, 'conv_seg')
    ]
    assert len(head.conv_seg.weight) == NUM_CLASSES + 1


@pytest.mark.parametrize('weights', [(1., 0.), (0., 1.)],
                         ids=['regulariser', 'unlabeled'])
def test_parts_of_the_segmentors_loss(weights):
    """The regulariser uses labeled images, the other loss unlabeled ones."""
    model = make_model(
        regulariser_weight=weights[0], unlabeled_weight=weights[1])
    data = model.data_preprocessor(weak_batch(), training=True)
    for single in data['inputs'].values():
        single.requires_grad_()
    model(**data, mode='loss')['unsup_loss_correction'].backward()
    for part, weight in zip(('sup', 'unsup'), weights):
        grad = data['inputs'][part].grad
        assert (grad is not None and bool(grad.any())) == bool(weight)


def test_one_backward_equals_two():
    """One backward pass has the gradients of two separate ones."""
    data = weak_batch()
    whole = make_model(regulariser_weight=0.5)
    parts = copy.deepcopy(whole)
    losses = losses_of(whole, data)
    whole.parse_losses(losses)[0].backward()
    corrector = parts.terms['correction'].corrector
    corrector.requires_grad_(False)
    found = losses_of(parts, data)
    sum(found[key] for key in (
        'sup_decode.loss_ce', 'unsup_loss_correction')).backward()
    # before these passes
    parts.load_state_dict(make_model().state_dict())
    corrector.requires_grad_(True)
    losses_of(parts, data)['unsup_loss_correction_corrector'].backward()
    for (name, one), other in zip(whole.named_parameters(),
                                  parts.parameters()):
        torch.testing.assert_close(one.grad, other.grad, msg=name)


def test_unlabeled_images_count_from_their_iteration_on():
    model = make_model(regulariser_weight=0., unlabeled_iters=5)
    data = weak_batch()
    found = []
    for iteration in (4, 5):
        model.iteration = iteration
        found.append(losses_of(model, data))
    assert found[0]['unsup_loss_correction'] == 0
    assert found[1]['unsup_loss_correction'] > 0
    assert all(one['unsup_loss_correction_corrector'] > 0 for one in found)


@pytest.mark.parametrize('named', [1, NUM_CLASSES])
def test_a_certain_corrector_sets_the_targets(named):
    model = make_model(regulariser_weight=0.)
    network = model.terms['correction'].corrector.network
    with torch.no_grad():
        network.decode_head.conv_seg.bias[named] += 1e4
    scores = []
    scores_of = model.scores_of

    def keep(*args):
        scores.append(scores_of(*args))
        return scores[-1]

    model.scores_of = keep
    losses = losses_of(model, weak_batch(valid=(0, 0, SIDE, SIDE - 8)))
    seen, = scores
    own = seen.argmax(1)
    is_match = named == NUM_CLASSES
    target = own if is_match else torch.full_like(own, named)
    torch.testing.assert_close(
        losses['unsup_loss_correction'],
        F.cross_entropy(seen[..., :-8], target[..., :-8]))
    torch.testing.assert_close(
        losses['unsup_match_ratio'],
        (target == own)[..., :-8].float().mean())
    assert losses['unsup_error_recall'] == (not is_match)


def test_corrector_may_have_another_network():
    backbone = dict(SINGLE['backbone'], base_channels=4, stem_channels=4)
    head = dict(SINGLE['decode_head'], in_channels=16, c1_in_channels=4)
    model = make_model(corrector=dict(backbone=backbone, decode_head=head))
    losses = losses_of(model, weak_batch())
    assert losses['unsup_loss_correction'].isfinite()
    network = model.terms['correction'].corrector.network
    assert len(network.backbone.conv1.weight) == 4


@pytest.mark.parametrize('out_channels, classes, corrector_input', [
    (1, 2, 'probabilities'), (1, 2, 'logits'), (3, 3, 'probabilities')])
def test_sigmoid_heads(out_channels, classes, corrector_input):
    head = dict(
        SINGLE['decode_head'], num_classes=classes,
        out_channels=out_channels, threshold=0.5,
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    model = make_model(
        dict(SINGLE, decode_head=head), corrector_input=corrector_input)
    data = weak_batch()
    for sample in data['data_samples'][:2]:
        sample.gt_sem_seg.data %= NUM_CLASSES - 1
    losses = losses_of(model, data)
    model.parse_losses(losses)[0].backward()
    assert losses['unsup_loss_correction'].isfinite()
    assert all(value.grad is not None for value in model.parameters())


def test_learns_in_mixed_precision():
    """The autocast cache of a pass without gradient must not be reused."""
    model = make_model()
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = losses_of(model, weak_batch())
    model.parse_losses(losses)[0].backward()
    for _, parameters in zip('sc', split(model)):
        assert all(value.grad.any() for name, value in parameters
                   if name.endswith('conv.weight') or 'conv1' in name)


@pytest.mark.parametrize('settings, message', [
    (dict(corrector_input='softmax'), 'corrector_input must be one of'),
    (dict(corrector_input='one_hot'), 'regulariser_weight=0'),
    (dict(match_weight='equal'), "'balanced', got 'equal'"),
])
def test_what_cannot_be_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make_model(**settings)
