import pytest
import torch

from mmseg_dcc.models.losses import squared_consistency_loss

WEIGHTINGS = ('batch', 'pixel', None)
weightings = pytest.mark.parametrize('weighting', WEIGHTINGS)


def make_maps(classes=4):
    shape = (3, classes, 5, 6)
    return dict(
        probabilities=torch.randn(shape).softmax(1).requires_grad_(),
        targets=torch.randn(shape).softmax(1).requires_grad_(),
        confidence=torch.rand(3, 5, 6),
        valid=torch.rand(3, 5, 6) < 0.8)


def naive_loss(probabilities, targets, confidence, valid, threshold,
               weighting):
    total = confident_total = confident = count = 0
    for i, row, column in valid.nonzero().tolist():
        square = sum(
            (p - q)**2 for p, q in zip(probabilities[i, :, row, column].
                                       tolist(), targets[i, :, row, column].
                                       tolist()))
        count += 1
        total += square
        if confidence[i, row, column] >= threshold:
            confident += 1
            confident_total += square
    return {
        'batch': total / count * confident / count,
        'pixel': confident_total / count,
        None: total / count
    }[weighting]


@weightings
@pytest.mark.parametrize('threshold', [0., 0.6, 1.])
def test_equals_a_loop(weighting, threshold):
    maps = make_maps()
    loss = squared_consistency_loss(
        **maps, threshold=threshold, weighting=weighting)
    assert loss.item() == pytest.approx(
        naive_loss(**maps, threshold=threshold, weighting=weighting),
        rel=1e-5)


@weightings
def test_gradient_in_closed_form(weighting):
    """Gradient 2 w (p - q) / count, and none for the teacher."""
    maps = make_maps()
    squared_consistency_loss(
        **maps, threshold=0.4, weighting=weighting).backward()
    valid = maps['valid'].float()
    confident = (maps['confidence'] >= 0.4) * valid
    weight = {
        'batch': valid * confident.sum() / valid.sum(),
        'pixel': confident,
        None: valid
    }[weighting]
    expected = 2 * (maps['probabilities'] -
                    maps['targets']) * weight[:, None] / valid.sum()
    torch.testing.assert_close(maps['probabilities'].grad, expected.detach())
    assert maps['targets'].grad is None


def test_weightings_agree_when_all_are_confident():
    maps = make_maps()
    losses = [
        squared_consistency_loss(**maps, threshold=0., weighting=weighting)
        for weighting in WEIGHTINGS
    ]
    torch.testing.assert_close(losses[0], losses[2])
    torch.testing.assert_close(losses[1], losses[2])


def test_symmetric_in_the_two_networks():
    maps = make_maps()
    swapped = dict(
        maps,
        probabilities=maps['targets'],
        targets=maps['probabilities'])
    torch.testing.assert_close(
        squared_consistency_loss(**maps, threshold=0.5),
        squared_consistency_loss(**swapped, threshold=0.5))


@weightings
def test_opposite_certainties_have_distance_two(weighting):
    probabilities = torch.zeros(1, 3, 2, 2)
    probabilities[:, 0] = 1
    loss = squared_consistency_loss(
        probabilities, probabilities.roll(1, 1), torch.ones(1, 2, 2),
        torch.ones(1, 2, 2, dtype=torch.bool), weighting=weighting)
    assert loss == 2
    assert squared_consistency_loss(
        probabilities, probabilities, torch.ones(1, 2, 2),
        torch.ones(1, 2, 2, dtype=torch.bool), weighting=weighting) == 0


@weightings
def test_padding_has_no_influence(weighting):
    maps = make_maps()
    arguments = dict(threshold=0.5, weighting=weighting)
    loss = squared_consistency_loss(**maps, **arguments)
    padding = ~maps['valid']
    maps['probabilities'] = maps['probabilities'].detach().masked_fill(
        padding[:, None], 9.).requires_grad_()
    maps['confidence'][padding] = 1.
    other = squared_consistency_loss(**maps, **arguments)
    torch.testing.assert_close(other, loss)
    other.backward()
    assert not maps['probabilities'].grad.movedim(1, -1)[padding].any()


@weightings
def test_nothing_valid_is_zero_with_a_graph(weighting):
    maps = make_maps()
    maps['valid'].fill_(False)
    loss = squared_consistency_loss(**maps, weighting=weighting)
    loss.backward()
    assert loss == 0 and not maps['probabilities'].grad.any()


def test_half_precision_is_summed_in_float32():
    maps = make_maps()
    for key in ('probabilities', 'targets'):
        maps[key] = maps[key].detach().bfloat16()
    with torch.autocast('cpu', torch.bfloat16):
        loss = squared_consistency_loss(**maps, threshold=0.5)
    for key in ('probabilities', 'targets'):
        maps[key] = maps[key].float()
    assert loss.dtype == torch.float32
    assert torch.equal(loss, squared_consistency_loss(**maps, threshold=0.5))


def test_unknown_weighting_is_refused():
    with pytest.raises(ValueError, match="'pixel'.*got 'image'"):
        squared_consistency_loss(**make_maps(), weighting='image')
