import pytest
import torch
import torch.nn.functional as F

from mmseg_dcc.models.losses import (
    corrected_label_loss,
    corrected_labels,
    correction_targets,
    corrector_loss,
    match_loss,
    pseudo_label_loss,
)

CLASSES, VOID = 3, 255
MATCH = CLASSES


def random_scores(channels=CLASSES):
    return 3 * torch.randn(2, channels, 4, 5)


def certain_of(labels):
    """Scores of a corrector that predicts these ids with certainty."""
    return 1e4 * F.one_hot(labels, CLASSES + 1).permute(0, 3, 1, 2).float()


def random_masks():
    masks = torch.randint(CLASSES, (2, 4, 5))
    masks[0, 1] = VOID
    return masks


def test_a_right_segmentor_matches_everywhere_but_in_void():
    masks = random_masks()
    labels = masks.where(masks != VOID, 0 * masks)
    targets = correction_targets(labels, masks, MATCH)
    assert (targets[masks != VOID] == MATCH).all()
    assert (targets[masks == VOID] == VOID).all()


def test_a_wrong_segmentor_is_told_the_label():
    masks = random_masks()
    targets = correction_targets((masks + 1) % CLASSES, masks, MATCH)
    assert torch.equal(targets, masks)


@pytest.mark.parametrize('match_weight', [1., 0.25, 0., 'balanced'])
def test_corrector_loss_pixel_by_pixel(match_weight):
    scores, masks = random_scores(CLASSES + 1), random_masks()
    targets = correction_targets(
        torch.randint(CLASSES, masks.shape), masks, MATCH)
    known = masks != VOID
    sums, weights = {True: [], False: []}, 0.
    log = scores.double().log_softmax(1)
    for image, row, column in known.nonzero().tolist():
        target = targets[image, row, column].item()
        sums[target == MATCH].append(-log[image, target, row, column].item())
    if match_weight == 'balanced':
        expected = sum(sum(s) / len(s) for s in sums.values()) / 2
    else:
        weights = match_weight * len(sums[True]) + len(sums[False])
        expected = (match_weight * sum(sums[True]) +
                    sum(sums[False])) / weights
    assert corrector_loss(scores, targets, known,
                          match_weight).item() == pytest.approx(
                              expected, rel=1e-5)


@pytest.mark.parametrize('match_weight', [0.25, 'balanced'])
def test_corrector_learns_from_one_kind_alone(match_weight):
    """Loss if the segmentor is right, or wrong, everywhere."""
    scores, masks = random_scores(CLASSES + 1), random_masks() % CLASSES
    known = torch.ones_like(masks, dtype=torch.bool)
    for targets in (masks, torch.full_like(masks, MATCH)):
        torch.testing.assert_close(
            corrector_loss(scores, targets, known, match_weight),
            F.cross_entropy(scores, targets))


def test_void_pixels_change_nothing():
    masks = random_masks()
    known = masks != VOID
    labels = torch.randint(CLASSES, masks.shape)
    found = []
    for fill in (0., 9.):
        torch.manual_seed(0)
        scores = random_scores(CLASSES + 1)
        scores = scores.where(known[:, None], torch.full_like(scores, fill))
        scores[:, 0] += fill * ~known
        scores.requires_grad_()
        targets = correction_targets(labels, masks, MATCH)
        for loss in (corrector_loss(scores, targets, known),
                     match_loss(scores, known)):
            grad, = torch.autograd.grad(loss, scores)
            found.append((loss, grad))
            assert not grad.permute(0, 2, 3, 1)[~known].any()
            assert grad.permute(0, 2, 3, 1)[known].any()
    for one, other in zip(found[:2], found[2:]):
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])


def test_without_known_pixels_the_losses_are_zero_with_a_graph():
    scores = random_scores(CLASSES + 1).requires_grad_()
    void = torch.full((2, 4, 5), VOID)
    known = void != VOID
    (corrector_loss(scores, void, known) + corrector_loss(
        scores, void, known, 1.) + match_loss(scores, known)).backward()
    assert not scores.grad.any()


def test_match_loss_is_the_cross_entropy_with_match():
    scores, known = random_scores(CLASSES + 1), random_masks() != VOID
    expected = -scores.log_softmax(1)[:, MATCH][known].mean()
    torch.testing.assert_close(match_loss(scores, known), expected)


@pytest.mark.parametrize('certainty', ['max', 'target', 'none'])
@pytest.mark.parametrize('normalise', ['valid', 'certainty'])
def test_a_certain_corrector(certainty, normalise):
    """"Match" everywhere: plain pseudo labels. A class: that class."""
    scores = random_scores()
    labels = scores.argmax(1)
    valid = torch.rand(labels.shape) < 0.8
    for named, expected in ((torch.full_like(labels, MATCH), labels),
                            (torch.full_like(labels, 1),
                             torch.full_like(labels, 1))):
        corrected, weights = corrected_labels(
            certain_of(named), labels, certainty)
        assert torch.equal(corrected, expected)
        torch.testing.assert_close(weights, torch.ones_like(weights))
        torch.testing.assert_close(
            corrected_label_loss(scores, corrected, weights, valid,
                                 normalise),
            pseudo_label_loss(scores, expected, weights, valid, 0.))


def test_certainty_of_each_pixel():
    probabilities = torch.tensor([[0.5, 0.1, 0.1, 0.3],
                                  [0.1, 0.2, 0.1, 0.6],
                                  [0.1, 0.7, 0.1, 0.1]])
    scores = probabilities.log().T[None, :, None]
    labels = torch.tensor([0, 1, 2])[None, None]
    for certainty, expected in (('max', [0.5, 0.6, 0.7]),
                                # the class alone counts where it is changed
                                ('target', [0.8, 0.8, 0.7]),
                                ('none', [1., 1., 1.])):
        corrected, weights = corrected_labels(scores, labels, certainty)
        assert corrected.tolist() == [[[0, 1, 1]]]
        torch.testing.assert_close(weights, torch.tensor([[expected]]))


def test_loss_goes_to_zero_with_the_certainty():
    scores, valid = random_scores(), torch.ones(2, 4, 5, dtype=torch.bool)
    labels, weights = scores.argmax(1), torch.rand(2, 4, 5)
    found = {
        normalise: [
            corrected_label_loss(scores, labels, factor * weights, valid,
                                 normalise) for factor in (1., 1e-3, 0.)
        ]
        for normalise in ('valid', 'certainty')
    }
    torch.testing.assert_close(found['valid'][1], 1e-3 * found['valid'][0])
    torch.testing.assert_close(found['certainty'][1], found['certainty'][0])
    assert found['certainty'][0] > 0
    assert found['valid'][2] == found['certainty'][2] == 0


def test_unknown_choices_are_refused():
    scores, labels = random_scores(), torch.zeros(2, 4, 5).long()
    with pytest.raises(ValueError, match="certainty .* 'entropy'"):
        corrected_labels(scores, labels, 'entropy')
    with pytest.raises(ValueError, match="normalise .* 'kept'"):
        corrected_label_loss(scores, labels, labels, labels > 0, 'kept')
