"""Tests of ``mmseg_dcc/models/losses/directional_contrastive_loss.py``."""
import inspect
import math

import pytest
import torch
import torch.nn.functional as F

from mmseg_dcc.models.losses import (
    DirectionalContrastiveLoss,
    directional_contrastive_loss,
)
from mmseg_dcc.models.losses import info_nce as info_nce_module
from tests.naive_losses import (
    naive_direction,
    relative_error,
    skewed_labels,
    unit_rows,
)
from tests.processes import run_processes

N, M, C, CLASSES = 24, 30, 6, 4


def make_pair(seed=0, n=N, m=M, dtype=torch.float64):
    """Arguments of :class:`DirectionalContrastiveLoss`."""
    generator = torch.Generator().manual_seed(seed)
    # Multiples of 1/8: both crops are equally confident now and then.
    confidence = torch.randint(3, 9, (2, n), generator=generator) / 8
    return dict(
        features1=unit_rows(n, C, generator, dtype),
        features2=unit_rows(n, C, generator, dtype),
        confidence1=confidence[0],
        confidence2=confidence[1],
        labels1=skewed_labels(n, CLASSES, 1, generator),
        labels2=skewed_labels(n, CLASSES, 1, generator),
        negatives=unit_rows(m, C, generator, dtype),
        negative_labels=skewed_labels(m, CLASSES, 1, generator))


def direction_args(pair):
    """Arguments of the function: crop 1 is pulled towards crop 2."""
    return (pair['features1'], pair['features2'], pair['negatives'],
            pair['confidence1'], pair['confidence2'], pair['labels1'],
            pair['negative_labels'])


def swapped(pair):
    pairs = (('1', '2'), ('2', '1'))
    return {
        **pair,
        **{
            key + new: pair[key + old]
            for key in ('features', 'confidence', 'labels') for new, old in
            pairs
        }
    }


def one_position(anchor_confidence, positive_confidence, threshold=0.75):
    anchor = torch.tensor([[1., 0.]]).requires_grad_()
    return directional_contrastive_loss(anchor, anchor.detach(),
                                        torch.tensor([[0., 1.]]),
                                        torch.tensor([anchor_confidence]),
                                        torch.tensor([positive_confidence]),
                                        torch.tensor([0]), torch.tensor([1]),
                                        1., threshold).item()


def test_arguments():
    parameters = inspect.signature(directional_contrastive_loss).parameters
    assert list(parameters) == [
        'anchor', 'positive', 'negatives', 'anchor_confidence',
        'positive_confidence', 'anchor_labels', 'negative_labels',
        'temperature', 'confidence_threshold'
    ]


@pytest.mark.parametrize('threshold', [0., 0.5, 0.75])
@pytest.mark.parametrize('temperature', [0.01, 0.1, 1., 10.])
def test_direction_equals_naive_loop(temperature, threshold, monkeypatch):
    monkeypatch.setitem(info_nce_module._TILE_SIZES, 'cpu', (3, 5))
    for seed in range(3):
        anchor, *rest = direction_args(make_pair(seed))
        anchor.requires_grad_()
        loss = directional_contrastive_loss(anchor, *rest, temperature,
                                            threshold)
        loss.backward()
        expected, expected_gradient = naive_direction(anchor.detach(), *rest,
                                                      temperature, threshold)
        assert expected > 0
        assert relative_error(loss.detach(), expected) < 1e-10
        assert relative_error(anchor.grad, expected_gradient) < 1e-8


def test_float32_direction_is_close_to_naive_loop():
    anchor, *rest = direction_args(make_pair(dtype=torch.float32))
    anchor.requires_grad_()
    loss = directional_contrastive_loss(anchor, *rest, 0.1, 0.5)
    loss.backward()
    expected, expected_gradient = naive_direction(anchor.detach(), *rest, 0.1,
                                                  0.5)
    assert loss.dtype == torch.float32
    assert relative_error(loss.detach(), expected) < 1e-5
    assert relative_error(anchor.grad, expected_gradient) < 1e-4


def test_active_needs_a_more_confident_positive_above_the_threshold():
    value = pytest.approx(math.log(1 + math.exp(-1)))
    assert one_position(0.5, 0.875) == value
    assert one_position(0.875, 0.9375) == value
    assert one_position(0.875, 0.875) == 0
    assert one_position(0.9375, 0.875) == 0
    assert one_position(0.5, 0.75) == 0
    assert one_position(0.5, 0.75, threshold=0.5) == value
    assert one_position(0., 0., threshold=0.) == 0


def test_mean_runs_over_active_positions():
    anchor = torch.tensor([[1., 0.]]).repeat(4, 1)
    loss = directional_contrastive_loss(
        anchor, anchor, torch.tensor([[0., 1.]]),
        torch.tensor([.1, .1, .9, .1]), torch.tensor([.9, .9, .8, .2]),
        torch.zeros(4).long(), torch.tensor([1]), 1., 0.75)
    assert loss.item() == pytest.approx(math.log(1 + math.exp(-1)))


def test_gradient_flows_to_anchor_alone():
    args = list(direction_args(make_pair()))
    for i in range(5):
        args[i] = args[i].clone().requires_grad_()
    directional_contrastive_loss(*args, 0.1, 0.5).backward()
    assert args[0].grad.any()
    assert [tensor.grad for tensor in args[1:5]] == [None] * 4


def test_inactive_anchors_get_no_gradient():
    anchor, *rest = direction_args(make_pair())
    anchor.requires_grad_()
    directional_contrastive_loss(anchor, *rest, 0.1, 0.5).backward()
    active = (rest[2] < rest[3]) & (rest[3] > 0.5)
    assert 0 < active.sum() < N
    assert torch.equal(anchor.grad.any(1), active)


@pytest.mark.parametrize('n, m', [(0, 5), (5, 0), (5, 5), (0, 0)])
def test_nothing_active_is_zero_with_a_graph(n, m):
    pair = make_pair(n=n, m=m)
    pair['confidence2'] = pair['confidence1']
    anchor, *rest = direction_args(pair)
    anchor.requires_grad_()
    loss = directional_contrastive_loss(anchor, *rest, 0.1, 0.)
    assert loss.shape == () and loss.item() == 0 and loss.requires_grad
    loss.backward()
    assert anchor.grad.shape == (n, C) and not anchor.grad.any()


@pytest.mark.parametrize('temperature', [0, -0.1, float('nan')])
def test_temperature_must_be_positive(temperature):
    with pytest.raises(ValueError, match='temperature'):
        directional_contrastive_loss(*direction_args(make_pair()),
                                     temperature, 0.75)
    with pytest.raises(ValueError, match='temperature'):
        DirectionalContrastiveLoss(temperature=temperature)


def test_gradcheck():
    anchor, *rest = direction_args(make_pair(n=9, m=12))
    assert torch.autograd.gradcheck(
        lambda rows: directional_contrastive_loss(rows, *rest, 0.5, 0.4),
        anchor.requires_grad_())


def test_defaults_are_the_paper_s():
    loss = DirectionalContrastiveLoss()
    assert (loss.temperature, loss.confidence_threshold,
            loss.loss_weight) == (0.1, 0.75, 0.1)
    assert loss.directional and loss.negative_sampling
    assert loss.positive_filtering


@pytest.mark.parametrize('switches', [
    {},
    dict(directional=False),
    dict(negative_sampling=False),
    dict(positive_filtering=False),
    dict(directional=False, negative_sampling=False,
         positive_filtering=False),
],
                         ids=lambda switches: '-'.join(switches) or 'all on')
def test_both_directions_equal_naive_loop(switches):
    threshold = 0.6 if switches.get('positive_filtering', True) else 0.
    naive_switches = {
        key: value
        for key, value in switches.items() if key != 'positive_filtering'
    }
    for seed in range(3):
        pair = make_pair(seed)
        pair['features1'].requires_grad_()
        pair['features2'].requires_grad_()
        loss = DirectionalContrastiveLoss(
            temperature=0.2,
            confidence_threshold=0.6,
            loss_weight=0.3,
            **switches)(**pair)
        loss.backward()
        detached = {key: value.detach() for key, value in pair.items()}
        directions = [
            naive_direction(*direction_args(one), 0.2, threshold,
                            **naive_switches)
            for one in (detached, swapped(detached))
        ]
        expected = 0.3 * sum(value for value, _ in directions)
        assert relative_error(loss.detach(), expected) < 1e-6
        for i, (_, gradient) in enumerate(directions, 1):
            assert relative_error(pair[f'features{i}'].grad,
                                  0.3 * gradient) < 1e-6


def test_switches_change_the_active_positions():
    pair = make_pair()
    confidences = pair['confidence1'], pair['confidence2']
    both = DirectionalContrastiveLoss(0.1, 0.5).active_masks(*confidences)
    assert not (both[0] & both[1]).any()
    filtered = DirectionalContrastiveLoss(
        0.1, 0.5, directional=False).active_masks(*confidences)
    assert torch.equal(filtered[0], pair['confidence2'] > 0.5)
    assert torch.equal(filtered[1], pair['confidence1'] > 0.5)
    everywhere = DirectionalContrastiveLoss(
        0.1, 0.5, directional=False,
        positive_filtering=False).active_masks(*confidences)
    assert everywhere[0].all() and everywhere[1].all()


def test_swapping_the_crops_changes_nothing():
    loss = DirectionalContrastiveLoss(confidence_threshold=0.5)
    pair = make_pair()
    torch.testing.assert_close(loss(**pair), loss(**swapped(pair)))


def test_given_masks_are_used():
    loss = DirectionalContrastiveLoss(confidence_threshold=0.5)
    pair = make_pair()
    masks = loss.active_masks(pair['confidence1'], pair['confidence2'])
    assert torch.equal(loss(**pair), loss(**pair, active=masks))
    nothing = torch.zeros(N, dtype=torch.bool)
    assert loss(**pair, active=(nothing, nothing)) == 0


@pytest.mark.parametrize('arguments, message', [
    (dict(confidence_threshold=1.), r'threshold must be a prob.*1\.'),
    (dict(confidence_threshold=-.1), 'Loss.confidence_threshold'),
    (dict(loss_weight=-1), 'Loss.loss_weight must not be negative'),
])
def test_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        DirectionalContrastiveLoss(**arguments)


# Rows of a batch of two processes: uneven, and one without active positions.
SPLITS = [(slice(0, 5), slice(5, N)), (slice(0, N), slice(N, N))]


def projection_gradient(rows):
    """Gradient of a shared projection, as in one process of DDP."""
    generator = torch.Generator().manual_seed(1)
    weight = torch.randn(C, C, generator=generator).double().requires_grad_()
    pair = make_pair()
    part = {
        key: value if key.startswith('negative') else value[rows]
        for key, value in pair.items()
    }
    for key in ('features1', 'features2'):
        part[key] = F.normalize(part[key] @ weight, dim=1)
    loss = DirectionalContrastiveLoss(confidence_threshold=0.5)(**part)
    gradient, = torch.autograd.grad(loss, weight)
    return loss.detach(), gradient


def gradients_of_process(rank):
    return [projection_gradient(split[rank]) for split in SPLITS]


@pytest.mark.slow
def test_two_processes_equal_one_on_the_joined_batch(tmp_path):
    expected, expected_gradient = projection_gradient(slice(0, N))
    for first, second in zip(*run_processes(gradients_of_process, tmp_path)):
        losses, gradients = zip(first, second)
        torch.testing.assert_close(sum(losses) / 2, expected)
        torch.testing.assert_close(sum(gradients) / 2, expected_gradient)
