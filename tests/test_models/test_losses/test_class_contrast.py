"""Tests of ``mmseg_dcc/models/losses/class_contrast.py``."""
import math

import pytest
import torch
import torch.nn.functional as F

from mmseg_dcc.models.losses.class_contrast import (
    PixelRows,
    anchor_rows,
    class_contrast_loss,
    class_prototypes,
    negative_rows,
)
from tests.golden import (
    assert_gradient,
    assert_values,
    golden_files,
    load,
)

C, D = 6, 4


def random_rows(count=200):
    torch.manual_seed(0)
    classes = torch.randint(-1, C, (count, ))
    known = classes >= 0
    labeled = torch.rand(count) < 0.5
    reliable = known & (labeled | (torch.rand(count) < 0.3))
    unreliable = known & (labeled | (torch.rand(count) < 0.3))
    return PixelRows(
        torch.randn(count, D, requires_grad=True), torch.randn(count, D),
        torch.randn(count, C).softmax(1), classes, reliable, unreliable,
        labeled)


def test_anchors_pixel_by_pixel():
    rows = random_rows()
    expected = [
        i for i in range(len(rows.classes))
        if rows.reliable[i] and rows.probabilities[i, rows.classes[i]] > 0.2
    ]
    assert 0 < len(expected) < rows.reliable.sum()
    assert anchor_rows(rows, 0.2).tolist() == expected


def test_negatives_pixel_by_pixel():
    """Negatives by the rule of the paper, not of the published code."""
    rows = random_rows()
    expected = []
    for i in rows.unreliable.nonzero()[:, 0].tolist():
        order = rows.probabilities[i].argsort(descending=True).tolist()
        for c in range(C):
            rank = order.index(c)
            if rows.labeled[i]:
                negative = rank < 3 and c != rows.classes[i]
            else:
                negative = 3 <= rank < 5
            if negative:
                expected.append((i, c))
    pixels, classes = negative_rows(rows, (3, 5))
    assert list(zip(pixels.tolist(), classes.tolist())) == expected


def test_prototypes_pixel_by_pixel():
    features = torch.randn(50, D)
    classes = torch.randint(-1, C - 1, (50, ))  # none of the last
    prototypes, present = class_prototypes(features, classes, C)
    assert present.tolist() == [True] * (C - 1) + [False]
    for c in range(C - 1):
        torch.testing.assert_close(prototypes[c],
                                   features[classes == c].mean(0))
    assert not prototypes[-1].any()


@pytest.mark.parametrize('case', ['full_', 'misslast_'])
@pytest.mark.parametrize('path', golden_files('u2pl'),
                         ids=lambda path: path.stem)
def test_recorded_loss_of_given_queues_and_draws(path, case):
    """Cases in which code and paper pair anchors and queues alike."""
    record = load(path)
    hot = torch.cat([record[f'{case}label_l'], record[f'{case}label_u']])
    probabilities = torch.cat([record['prob_l'], record['prob_u']])
    if case == 'misslast_':
        probabilities = probabilities[:, record['misslast_perm']]
    classes = torch.where(hot.any(1), hot.argmax(1), -1).flatten()
    rows = PixelRows(
        record['pipe_rep'].movedim(1, 3).flatten(0, 2).requires_grad_(),
        record['pipe_rep_teacher'].movedim(1, 3).flatten(0, 2),
        probabilities.movedim(1, 3).flatten(0, 2), classes,
        record['full_low_mask'].flatten().bool(),
        record['full_high_mask'].flatten().bool(),
        torch.arange(len(classes)) < len(classes) // 2)
    prototypes, present = class_prototypes(
        rows.teacher, rows.reliable_classes, hot.shape[1])
    assert present.nonzero()[:, 0].tolist() == record[
        f'{case}present'].tolist()
    assert_values(prototypes, record[f'{case}prototype_f32'])
    candidates = anchor_rows(rows, 0.3)
    anchors, negatives = [], []
    counts = classes[candidates].bincount(minlength=hot.shape[1])
    for i, c in enumerate(record[f'{case}present'].tolist()):
        assert counts[c] == record[f'{case}num_anchor_candidates'][i]
        if record[f'{case}num_negative_candidates'][i]:
            anchors.append(candidates[classes[candidates] == c][record[
                f'{case}draw_anchor'][i]])
            negatives.append(record[f'{case}queue{c}_after'][record[
                f'{case}draw_negative'][i]])
    anchors = torch.cat(anchors)
    loss = class_contrast_loss(rows.student[anchors], classes[anchors],
                               counts, torch.cat(negatives), prototypes,
                               present, float(record['config_temperature']))
    loss.backward()
    assert_values(loss, record[f'{case}loss'])
    assert_gradient(rows.student.grad,
                    record[f'{case}grad_rep'].movedim(1, 3).flatten(0, 2))


def two_anchors(**changes):
    settings = dict(
        anchors=torch.randn(2, D), classes=torch.tensor([0, 2]),
        candidates=torch.tensor([1, 0, 1]), negatives=torch.randn(2, 7, D),
        prototypes=torch.randn(3, D),
        present=torch.tensor([True, False, True]))
    settings.update(changes)
    return class_contrast_loss(**settings)


def test_loss_where_everything_is_alike():
    ones = dict(
        anchors=torch.ones(2, D), negatives=torch.ones(2, 7, D) * 3,
        prototypes=torch.ones(3, D))
    assert two_anchors(**ones).item() == pytest.approx(math.log(8))


def test_present_classes_without_an_anchor_count():
    torch.manual_seed(0)
    settings = dict(
        anchors=torch.randn(2, D), negatives=torch.randn(2, 7, D),
        prototypes=torch.randn(3, D))
    all_present = two_anchors(present=torch.ones(3).bool(), **settings)
    torch.testing.assert_close(2 / 3 * two_anchors(**settings), all_present)


def test_one_class_has_no_contrast():
    anchors = torch.randn(2, D, requires_grad=True)
    loss = two_anchors(
        anchors=anchors, classes=torch.zeros(2).long(),
        present=torch.tensor([True, False, False]))
    loss.backward()
    assert loss == 0 and not anchors.grad.any()


def test_classes_weigh_alike_whatever_the_number_of_their_anchors():
    torch.manual_seed(0)
    anchors, negatives = torch.randn(5, D), torch.randn(5, 7, D)
    prototypes, classes = torch.randn(2, D), torch.tensor([0, 1, 1, 1, 1])
    loss = class_contrast_loss(anchors, classes, torch.tensor([3, 90]),
                               negatives, prototypes,
                               torch.ones(2).bool(), 0.3)
    expected = []
    for anchor, c, others in zip(anchors, classes, negatives):
        positive = (F.cosine_similarity(anchor, prototypes[c], 0) / 0.3).exp()
        rest = (F.cosine_similarity(anchor[None], others) / 0.3).exp().sum()
        expected.append(-(positive / (positive + rest)).log())
    torch.testing.assert_close(
        loss, (expected[0] + sum(expected[1:]) / 4) / 2)


def test_full_precision_inside_autocast():
    torch.manual_seed(0)
    settings = dict(
        anchors=torch.randn(2, D), negatives=torch.randn(2, 7, D),
        prototypes=torch.randn(3, D))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        loss = two_anchors(**settings)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, two_anchors(**settings))
