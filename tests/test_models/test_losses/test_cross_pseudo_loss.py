import re

import pytest
import torch
import torch.nn.functional as F

from mmseg_dcc.models.losses import cross_pseudo_loss
from mmseg_dcc.models.mixing import mix
from tests.golden import assert_gradient, assert_values, golden_files, load


def make_batch(classes=4):
    return [
        torch.randn(2, classes, 3, 5, requires_grad=True) for _ in range(2)
    ] + [torch.randint(max(classes, 2), (2, 3, 5)) for _ in range(2)]


@pytest.mark.parametrize('use_sigmoid, classes', [(False, 4), (True, 4),
                                                  (True, 1)])
@pytest.mark.parametrize('masked', [False, True])
def test_equals_a_loop(masked, use_sigmoid, classes):
    scores1, scores2, labels1, labels2 = make_batch(classes)
    valid = torch.rand(2, 3, 5) < 0.6 if masked else None
    total, count = 0., 0
    for image in range(2):
        for row in range(3):
            for column in range(5):
                at = image, row, column
                if masked and not valid[at]:
                    continue
                count += 1
                for scores, label in ((scores1, labels2[at]),
                                      (scores2, labels1[at])):
                    pixel = scores[image, :, row, column].double()
                    if not use_sigmoid:
                        total -= pixel.softmax(0)[label].log().item()
                        continue
                    right = torch.arange(classes) == label
                    if classes == 1:
                        right = label[None] == 1
                    total -= torch.where(
                        right, pixel.sigmoid(),
                        1 - pixel.sigmoid()).log().mean().item()
    loss = cross_pseudo_loss(scores1, scores2, labels1, labels2, valid,
                             use_sigmoid)
    assert loss.item() == pytest.approx(total / count, rel=1e-5)


def test_exchanging_the_networks_changes_nothing():
    scores1, scores2, labels1, labels2 = make_batch()
    torch.testing.assert_close(
        cross_pseudo_loss(scores2, scores1, labels2, labels1),
        cross_pseudo_loss(scores1, scores2, labels1, labels2))


def test_equal_networks_train_themselves():
    scores = torch.randn(2, 4, 3, 5)
    labels = scores.argmax(1)
    torch.testing.assert_close(
        cross_pseudo_loss(scores, scores, labels, labels),
        2 * F.cross_entropy(scores, labels))


def test_nothing_valid_is_zero_with_a_graph():
    scores1, scores2, labels1, labels2 = make_batch()
    loss = cross_pseudo_loss(scores1, scores2, labels1, labels2,
                             torch.zeros(2, 3, 5, dtype=torch.bool))
    loss.backward()
    assert loss == 0
    assert not scores1.grad.any() and not scores2.grad.any()


def weights(recorded, case):
    """Weights of a case: ``cps_w1p5_loss`` stands for 1.5."""
    names = [
        match[1] for match in (re.fullmatch(rf'{case}_w(\w+)_loss', name)
                               for name in recorded) if match
    ]
    assert names
    return {f'{case}_w{name}': float(name.replace('p', '.'))
            for name in names}


def supervised_loss(recorded, scores1, scores2):
    losses = [
        F.cross_entropy(scores, recorded['label'], ignore_index=255)
        for scores in (scores1, scores2)
    ]
    for network, loss in enumerate(losses, 1):
        assert_values(loss, recorded[f'loss_sup{network}'])
    return sum(losses)


def check_case(recorded, case, weight, scores, cross_pseudo):
    """Compares losses and those gradients that were recorded."""
    assert_values(weight * cross_pseudo, recorded[f'{case}_loss_cps'])
    loss = weight * cross_pseudo + supervised_loss(
        recorded, scores['sup1'], scores['sup2'])
    assert_values(loss, recorded[f'{case}_loss'])
    loss.backward()
    compared = [name for name in scores if f'{case}_grad_{name}' in recorded]
    for name in compared:
        assert_gradient(scores[name].grad, recorded[f'{case}_grad_{name}'])
    return len(compared)


@pytest.mark.parametrize('path', golden_files('cps'))
def test_recorded_without_mixing(path):
    compared = 0
    for case, weight in weights(load(path), 'cps').items():
        recorded = load(path)
        scores = {name: recorded[f'logits_{name}'].requires_grad_()
                  for name in ('sup1', 'sup2', 'u1', 'u2')}
        joined = [torch.cat([scores[f'sup{network}'], scores[f'u{network}']])
                  for network in (1, 2)]
        labels = [each.argmax(1) for each in joined]
        for network in (1, 2):
            assert torch.equal(labels[network - 1],
                               recorded[f'cps_pseudo{network}'])
        compared += check_case(recorded, case, weight, scores,
                               cross_pseudo_loss(*joined, *labels))
    assert compared == 4


@pytest.mark.parametrize('path', golden_files('cps'))
def test_recorded_with_mixing(path):
    compared = 0
    for case, weight in weights(load(path), 'cutmix').items():
        recorded = load(path)
        scores = {name: recorded[f'logits_{name}'].requires_grad_()
                  for name in ('sup1', 'sup2', 'mix1', 'mix2')}
        labels = [
            mix(recorded[f'logits_u0_{network}'],
                recorded[f'logits_u1_{network}'],
                recorded['mix_mask'].bool()).argmax(1) for network in (1, 2)
        ]
        compared += check_case(
            recorded, case, weight, scores,
            cross_pseudo_loss(scores['mix1'], scores['mix2'], *labels))
    assert compared == 4
