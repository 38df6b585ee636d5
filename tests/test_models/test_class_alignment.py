"""Tests of ``mmseg_dcc/models/class_alignment.py`` and of its place."""
import copy

import pytest
import torch

from mmseg_dcc.models.class_alignment import LIMIT, ClassAlignment, aligned
from tests.processes import run_processes
from tests.tiny_models import (
    NUM_CLASSES,
    SINGLE,
    aligned_sample,
    batch,
    build,
    losses_of,
)

IGNORED = 255


def a_batch(seed=0, images=2, side=4, classes=3):
    generator = torch.Generator().manual_seed(seed)
    probabilities = torch.randn(
        images, classes, side, side, generator=generator).softmax(1)
    valid = torch.rand(images, side, side, generator=generator) < 0.7
    masks = torch.randint(
        classes + 1, (images, side, side), generator=generator)
    return probabilities, valid, masks.where(masks < classes,
                                             torch.tensor(IGNORED))


def loop_shares(probabilities, valid, masks, classes=3):
    """By pixels."""
    labeled, predicted = [0.] * classes, [0.] * classes
    for mask in masks.flatten().tolist():
        if mask != IGNORED:
            labeled[mask] += 1
    for image, of_image in zip(probabilities, valid):
        for row, column in of_image.nonzero().tolist():
            for number in range(classes):
                predicted[number] += image[number, row, column].item()
    return [
        torch.tensor(counts) / sum(counts) for counts in (labeled, predicted)
    ]


@pytest.mark.parametrize('power', [0., 0.5, 1.])
def test_equals_a_loop(power):
    probabilities, _, _ = a_batch()
    wanted = torch.tensor([0.5, 0.4999, 0.0001])
    predicted = torch.tensor([0.2, 0.3, 0.5])
    found = aligned(probabilities, wanted, predicted, power)
    for image, row, column in ((0, 0, 0), (1, 3, 2)):
        expected = torch.stack([
            probabilities[image, number, row, column] *
            ((wanted[number] + 1e-4) /
             (predicted[number] + 1e-4)).clamp(1 / LIMIT, LIMIT)**power
            for number in range(3)
        ])
        torch.testing.assert_close(found[image, :, row, column],
                                   expected / expected.sum())
    if not power:
        torch.testing.assert_close(found, probabilities)


def test_a_class_without_labels_is_divided_by_the_limit():
    found = aligned(
        torch.full((1, 2, 1, 1), 0.5), torch.tensor([1., 0.]),
        torch.tensor([0.5, 0.5]), 1.)
    ratio = found[0, 0] / found[0, 1]
    assert 1.9 * LIMIT < ratio.item() < 2.1 * LIMIT


def test_shares_of_the_first_batches_are_their_mean():
    alignment = ClassAlignment(3, power=1., momentum=0.01)
    batches = [a_batch(seed) for seed in range(3)]
    for data in batches:
        found = alignment(*data)
    shares = [loop_shares(*data) for data in batches]
    for kept, number in ((alignment.labeled, 0), (alignment.predicted, 1)):
        expected = sum(of_batch[number] for of_batch in shares) / 3
        torch.testing.assert_close(kept, expected)
    torch.testing.assert_close(
        found,
        aligned(batches[2][0], alignment.labeled, alignment.predicted, 1.))


def test_later_ones_by_the_momentum():
    alignment = ClassAlignment(3, momentum=0.4)
    shares = [loop_shares(*a_batch(seed)) for seed in range(4)]
    for seed in range(4):
        alignment(*a_batch(seed))
    expected = (shares[0][1] + shares[1][1]) / 2
    for of_batch in shares[2:]:
        expected = 0.6 * expected + 0.4 * of_batch[1]
    torch.testing.assert_close(alignment.predicted, expected)
    # resumed, it goes on in the same way
    other = ClassAlignment(3, momentum=0.4)
    other.load_state_dict(alignment.state_dict())
    torch.testing.assert_close(other(*a_batch(9)), alignment(*a_batch(9)))


def test_nothing_to_count():
    alignment = ClassAlignment(3)
    probabilities, valid, masks = a_batch()
    found = alignment(probabilities, torch.zeros_like(valid),
                      torch.full_like(masks, IGNORED))
    torch.testing.assert_close(found, probabilities)


@pytest.mark.parametrize('settings, message', [
    (dict(power=1.5), r'power in \[0, 1\], got 1.5'),
    (dict(momentum=0.), r'momentum in \(0, 1\], got 0'),
])
def test_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        ClassAlignment(3, **settings)


def make(**settings):
    torch.manual_seed(0)
    return build(
        'SemiEncoderDecoder',
        terms=dict(
            pseudo=dict(
                type='PseudoLabels', teacher=False, threshold=0., **settings)),
        **copy.deepcopy(SINGLE)).train()


def learned_labels(model, data):
    seen = []
    term = model.terms.pseudo
    loss_on = term.loss_on
    term.loss_on = lambda batch, scores, targets: seen.append(
        targets['labels']) or loss_on(batch, scores, targets)
    assert losses_of(model, data)['unsup_loss_pseudo'].requires_grad
    return seen[0]


def test_the_term_learns_aligned_labels():
    """The labeled pixels are of class 0, so that it is preferred."""
    data = batch(sample=lambda: aligned_sample(('weak', 'strong1')))
    for sample in data['data_samples']:
        if 'gt_sem_seg' in sample:
            sample.gt_sem_seg.data.zero_()
    model, plain = make(alignment=dict(power=1.)), make()
    found, expected = (
        learned_labels(network, copy.deepcopy(data))
        for network in (model, plain))
    assert (found == expected)[expected == 0].all()
    assert (found == 0).sum() > (expected == 0).sum()
    alignment = model.terms.pseudo.alignment
    assert alignment.labeled.tolist() == [1.] + [0.] * (NUM_CLASSES - 1)
    assert 'terms.pseudo.alignment.labeled' in model.state_dict()
    assert not [key for key in plain.state_dict() if 'alignment' in key]


def test_sigmoids_do_not_sum_to_one():
    head = dict(
        SINGLE['decode_head'],
        loss_decode=dict(type='CrossEntropyLoss', use_sigmoid=True))
    with pytest.raises(ValueError, match='PseudoLabels.alignment'):
        build(
            'SemiEncoderDecoder',
            backbone=SINGLE['backbone'],
            decode_head=head,
            terms=dict(
                pseudo=dict(type='PseudoLabels', alignment=dict(power=1.))))


def of_process(rank):
    alignment = ClassAlignment(3)
    parts = [part[rank:rank + 1] for part in a_batch()]
    return alignment(*parts), alignment.state_dict()


@pytest.mark.slow
def test_processes_count_together(tmp_path):
    alignment = ClassAlignment(3)
    expected = alignment(*a_batch())
    (first, state), (second, other) = run_processes(of_process, tmp_path)
    torch.testing.assert_close(torch.cat([first, second]), expected)
    torch.testing.assert_close(state, other)
    torch.testing.assert_close(dict(state), dict(alignment.state_dict()))
