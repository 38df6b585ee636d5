import pytest
import torch
import torch.nn.functional as F

from mmseg_dcc.models.losses import L2ConsistencyLoss


@pytest.fixture
def pairs():
    """Features, confidences and labels of both crops."""
    generator = torch.Generator().manual_seed(0)
    features = [
        F.normalize(torch.randn(12, 5, generator=generator), dim=1)
        for _ in range(2)
    ]
    confidences = [torch.rand(12, generator=generator) for _ in range(2)]
    return (*features, *confidences, *[torch.zeros(12).long()] * 2, None, None)


def naive_loss(features1, features2, confidence1, confidence2, directional,
               threshold):
    total = 0.
    for anchors, positives, anchor_confidence, positive_confidence in (
        (features1, features2, confidence1, confidence2),
        (features2, features1, confidence2, confidence1)):
        distances = [
            ((anchor - positive)**2).sum().item()
            for anchor, positive, own, other in zip(
                anchors, positives, anchor_confidence, positive_confidence)
            if other > threshold and (own < other or not directional)
        ]
        total += sum(distances) / max(len(distances), 1)
    return total


@pytest.mark.parametrize('directional', [False, True])
@pytest.mark.parametrize('filtering, threshold', [(False, 0), (True, .5),
                                                  (True, .99)])
def test_equals_a_loop(pairs, directional, filtering, threshold):
    loss = L2ConsistencyLoss(
        loss_weight=0.3,
        directional=directional,
        positive_filtering=filtering,
        confidence_threshold=threshold)
    expected = 0.3 * naive_loss(*pairs[:4], directional, threshold)
    assert loss(*pairs).item() == pytest.approx(expected, rel=1e-5)


def test_without_direction_both_sides_move_as_if_nothing_were_detached(pairs):
    features1, features2 = (each.clone().requires_grad_()
                            for each in pairs[:2])
    L2ConsistencyLoss(loss_weight=1.)(features1, features2,
                                      *pairs[2:]).backward()
    difference = pairs[0] - pairs[1]
    torch.testing.assert_close(features1.grad, 2 * difference / 12)
    torch.testing.assert_close(features2.grad, -2 * difference / 12)


def test_with_direction_the_more_confident_side_stays(pairs):
    features1, features2 = (each.clone().requires_grad_()
                            for each in pairs[:2])
    L2ConsistencyLoss(directional=True)(features1, features2,
                                        *pairs[2:]).backward()
    first_moves = pairs[2] < pairs[3]
    assert features1.grad[first_moves].abs().sum(1).gt(0).all()
    assert not features1.grad[~first_moves].any()
    assert not features2.grad[first_moves].any()


def test_direction_between_identical_crops_is_refused():
    with pytest.raises(ValueError, match='cuts identical crops'):
        L2ConsistencyLoss(directional=True).check_pairs((1., 1.))
    L2ConsistencyLoss(directional=True).check_pairs((.5, 1.))
    L2ConsistencyLoss().check_pairs((1., 1.))
