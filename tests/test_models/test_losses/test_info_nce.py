"""Tests of ``mmseg_dcc/models/losses/info_nce.py``."""
import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten
from torch.utils.flop_counter import FlopCounterMode

from mmseg_dcc.models.losses import info_nce as info_nce_module
from mmseg_dcc.models.losses.info_nce import info_nce
from tests.naive_losses import (
    naive_info_nce,
    relative_error,
    skewed_labels,
    unit_rows,
)

# n, m, c, classes, skew
SHAPES = [
    (1, 1, 1, 2, 0),
    (3, 5, 2, 2, 0),  # exactly one tile
    (4, 6, 3, 3, 1),  # one beyond the tile
    (9, 25, 4, 3, 0),  # whole tiles
    (13, 31, 8, 5, 0),
    (17, 40, 16, 4, 3),  # two thirds are class 0
    (20, 3, 4, 19, 0),  # labels without any negative
    (2, 60, 5, 21, 2),
    (7, 0, 4, 3, 0),
]


def make_case(n, m, c, classes, skew, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return (unit_rows(n, c, generator, dtype), unit_rows(n, c, generator,
                                                         dtype),
            unit_rows(m, c, generator, dtype),
            skewed_labels(n, classes, skew, generator),
            skewed_labels(m, classes, skew, generator))


def loss_and_gradient(anchor, *args):
    anchor = anchor.clone().requires_grad_()
    losses = info_nce(anchor, *args)
    losses.sum().backward()
    return losses.detach(), anchor.grad


def dense_losses(anchor, positive, negatives, labels, negative_labels,
                 temperature):
    """Log-sum-exp over the whole float64 similarity matrix."""
    anchor, positive, negatives = (
        rows.double() for rows in (anchor, positive, negatives))
    logits = (anchor @ negatives.T / temperature).masked_fill(
        labels[:, None] == negative_labels, float('-inf'))
    first = (anchor * positive).sum(1, keepdim=True) / temperature
    return torch.cat([first, logits], 1).logsumexp(1) - first[:, 0]


@pytest.fixture
def tiny_tiles(monkeypatch):
    monkeypatch.setitem(info_nce_module._TILE_SIZES, 'cpu', (3, 5))
    monkeypatch.setattr(info_nce_module, '_NEGATIVES_SORTED_AT_ONCE', 17)


@pytest.mark.parametrize('temperature', [0.01, 0.1, 1., 10.])
@pytest.mark.parametrize('shape', SHAPES)
def test_equals_naive_loop_in_float64(shape, temperature, tiny_tiles):
    for seed in range(3):
        case = (*make_case(*shape, seed=seed), temperature)
        losses, gradient = loss_and_gradient(*case)
        expected, expected_gradient = naive_info_nce(*case)
        torch.testing.assert_close(losses, expected, rtol=1e-11, atol=1e-11)
        torch.testing.assert_close(
            gradient, expected_gradient, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize('tiles', [(3, 5), (1, 1), (256, 1024)])
@pytest.mark.parametrize('temperature', [0.01, 0.1, 1., 10.])
@pytest.mark.parametrize('shape', SHAPES[4:7])
def test_float32_is_close_to_naive_loop(shape, temperature, tiles,
                                        monkeypatch):
    monkeypatch.setitem(info_nce_module._TILE_SIZES, 'cpu', tiles)
    case = (*make_case(*shape, dtype=torch.float32), temperature)
    losses, gradient = loss_and_gradient(*case)
    expected, expected_gradient = naive_info_nce(*case)
    assert losses.dtype == gradient.dtype == torch.float32
    assert relative_error(losses, expected) < 1e-5
    assert relative_error(gradient, expected_gradient) < 1e-4


@pytest.mark.parametrize('temperature', [0.01, 10.])
def test_extreme_temperatures_equal_dense_log_sum_exp(temperature):
    case = (*make_case(200, 3000, 32, 5, 1, dtype=torch.float32), temperature)
    losses, _ = loss_and_gradient(*case)
    expected = dense_losses(*case)
    assert torch.isfinite(losses).all()
    assert relative_error(losses, expected) < 1e-5
    torch.testing.assert_close(
        losses.double(), expected, rtol=1e-5, atol=1e-4)


def test_opposite_positive_does_not_overflow():
    anchor = torch.tensor([[1., 0.]])
    case = (anchor, -anchor, anchor, torch.tensor([0]), torch.tensor([1]),
            0.01)
    losses, gradient = loss_and_gradient(*case)
    assert losses.item() == pytest.approx(200)
    assert gradient.tolist() == [[200., 0.]]


def test_opposite_negative_costs_nothing():
    anchor = torch.tensor([[1., 0.]])
    case = (anchor, anchor, -anchor, torch.tensor([0]), torch.tensor([1]),
            0.01)
    losses, gradient = loss_and_gradient(*case)
    assert losses.item() == 0
    assert gradient.tolist() == [[0., 0.]]


@pytest.mark.parametrize('temperature', [0.1, 1., 10.])
@pytest.mark.parametrize('count', [1, 7])
@pytest.mark.parametrize('similarity', [-1., 0., .5, 1.])
def test_closed_form(count, similarity, temperature, tiny_tiles):
    anchor = torch.tensor([[1., 0.]], dtype=torch.float64)
    negative = torch.tensor(
        [[similarity, math.sqrt(1 - similarity**2)]], dtype=torch.float64)
    losses, _ = loss_and_gradient(anchor, anchor, negative.repeat(count, 1),
                                  torch.tensor([3]),
                                  torch.full((count, ), 4), temperature)
    one, other = math.exp(1 / temperature), math.exp(similarity / temperature)
    expected = -math.log(one / (one + count * other))
    assert losses.item() == pytest.approx(expected, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize('m', [0, 11])
def test_no_usable_negative_is_exactly_zero(m, tiny_tiles):
    anchor, positive, negatives, _, _ = make_case(
        8, m, 4, 2, 0, dtype=torch.float32)
    losses, gradient = loss_and_gradient(anchor, positive, negatives,
                                         torch.full((8, ), 2),
                                         torch.full((m, ), 2), 0.1)
    assert losses.tolist() == [0.] * 8
    assert not gradient.any()


def test_masked_classes_do_not_touch_the_others(tiny_tiles):
    anchor, positive, negatives, _, _ = make_case(8, 11, 4, 2, 0)
    labels = torch.tensor([1, 0, 0, 1, 0, 1, 1, 0])
    losses, _ = loss_and_gradient(anchor, positive, negatives, labels,
                                  torch.ones(11).long(), 0.1)
    assert (losses[labels == 1] == 0).all()
    assert (losses[labels == 0] > 0).all()


def test_no_anchors_give_an_empty_loss():
    case = make_case(0, 6, 4, 2, 0)
    losses, gradient = loss_and_gradient(*case, 0.1)
    assert losses.shape == (0, )
    assert gradient.shape == (0, 4)


def test_order_of_negatives_is_of_no_effect(tiny_tiles):
    anchor, positive, negatives, labels, negative_labels = make_case(
        11, 29, 6, 4, 1)
    order = torch.randperm(29)
    for got, expected in zip(
            loss_and_gradient(anchor, positive, negatives[order], labels,
                              negative_labels[order], 0.1),
            loss_and_gradient(anchor, positive, negatives, labels,
                              negative_labels, 0.1)):
        torch.testing.assert_close(got, expected)


def test_losses_follow_the_order_of_anchors(tiny_tiles):
    anchor, positive, negatives, labels, negative_labels = make_case(
        11, 29, 6, 4, 1)
    order = torch.randperm(11)
    for got, expected in zip(
            loss_and_gradient(anchor[order], positive[order], negatives,
                              labels[order], negative_labels, 0.1),
            loss_and_gradient(anchor, positive, negatives, labels,
                              negative_labels, 0.1)):
        torch.testing.assert_close(got, expected[order])


@pytest.mark.parametrize('temperature', [0.1, 1.])
def test_gradcheck(temperature, tiny_tiles):
    anchor, *rest = make_case(7, 12, 3, 3, 0)
    assert torch.autograd.gradcheck(
        lambda rows: info_nce(rows, *rest, temperature),
        anchor.requires_grad_())


def test_gradient_is_scaled_by_what_arrives():
    anchor, *rest = make_case(7, 12, 3, 3, 0)
    _, gradient = loss_and_gradient(anchor, *rest, 0.1)
    weights = torch.arange(7.).double()
    anchor.requires_grad_()
    (info_nce(anchor, *rest, 0.1) * weights).sum().backward()
    torch.testing.assert_close(anchor.grad, gradient * weights[:, None])


class LargestNewTensor(TorchDispatchMode):
    """Mode that records the bytes of the largest new tensor."""

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        given = {
            leaf.untyped_storage().data_ptr()
            for leaf in tree_flatten((args, kwargs))[0]
            if isinstance(leaf, torch.Tensor)
        }
        for leaf in tree_flatten(result)[0]:
            if (isinstance(leaf, torch.Tensor)
                    and leaf.untyped_storage().data_ptr() not in given):
                self.bytes = max(self.bytes, leaf.untyped_storage().nbytes())
        return result


def test_memory_does_not_grow_with_the_negatives(monkeypatch):
    monkeypatch.setitem(info_nce_module._TILE_SIZES, 'cpu', (16, 64))
    monkeypatch.setattr(info_nce_module, '_NEGATIVES_SORTED_AT_ONCE', 512)
    n, c = 100, 32
    largest_bytes = []
    for m in (1000, 20000):
        anchor, *rest = make_case(n, m, c, 4, 1, dtype=torch.float32)
        anchor.requires_grad_()
        with LargestNewTensor() as largest:
            info_nce(anchor, *rest, 0.1).sum().backward()
        largest_bytes.append(largest.bytes)
    # the larger one of the anchors' gradient, one tile and its keys
    assert largest_bytes == [4 * max(n * c, 16 * 64, 64 * c)] * 2


@pytest.mark.parametrize('classes, background, highest_share', [
    (21, .7, .55),
    (150, .7, .55),
    (2, .7, .45),
    (2, .5, .55),
    (21, 1 / 21, 1.),
    (150, 1 / 150, 1.),
])
def test_masked_pairs_are_hardly_multiplied(monkeypatch, classes, background,
                                            highest_share):
    # The counter only knows the public matrix product.
    monkeypatch.setattr(info_nce_module, '_HAS_ONEDNN', False)
    n, m, c = 500, 70000, 16
    generator = torch.Generator().manual_seed(0)
    shares = torch.full((classes, ), (1 - background) / (classes - 1))
    shares[0] = background
    labels = torch.multinomial(shares, n + m, True, generator=generator)
    anchor, positive, negatives = (
        unit_rows(rows, c, generator, torch.float32) for rows in (n, n, m))
    anchor.requires_grad_()
    with FlopCounterMode(display=False) as flops:
        info_nce(anchor, positive, negatives, labels[:n], labels[n:],
                 0.1).sum().backward()
    # Two products of (n, c) and (m, c); a multiplication and an addition.
    dense = 2 * n * m * c * 2
    needed = dense * (labels[:n, None] != labels[n:]).float().mean().item()
    assert 0.99 * needed <= flops.get_total_flops() <= highest_share * dense


def test_both_libraries_give_the_same(monkeypatch):
    case = (*make_case(40, 300, 16, 4, 1, dtype=torch.float32), 0.1)
    losses, gradient = loss_and_gradient(*case)
    monkeypatch.setattr(info_nce_module, '_HAS_ONEDNN', False)
    other_losses, other_gradient = loss_and_gradient(*case)
    assert relative_error(losses, other_losses) < 1e-6
    assert relative_error(gradient, other_gradient) < 1e-6


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_in_float32(dtype):
    case = make_case(40, 300, 16, 4, 1, dtype=torch.float32)
    expected, expected_gradient = naive_info_nce(*case, 0.1)
    anchor, positive, negatives, *labels = case
    losses, gradient = loss_and_gradient(
        anchor.to(dtype), positive.to(dtype), negatives.to(dtype), *labels,
        0.1)
    assert losses.dtype == torch.float32
    assert gradient.dtype == dtype
    assert relative_error(losses, expected) < 1e-2
    assert relative_error(gradient, expected_gradient) < 1e-2


def test_autocast_changes_nothing():
    case = (*make_case(40, 300, 16, 4, 1, dtype=torch.float32), 0.1)
    expected, expected_gradient = loss_and_gradient(*case)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses, gradient = loss_and_gradient(*case)
    assert losses.dtype == torch.float32
    assert torch.equal(losses, expected)
    assert torch.equal(gradient, expected_gradient)


def test_graph_of_the_gradient_is_refused():
    anchor, *rest = make_case(4, 6, 3, 2, 0)
    anchor.requires_grad_()
    loss = info_nce(anchor, *rest, 0.1).sum()
    with pytest.raises(RuntimeError, match='differentiated once'):
        torch.autograd.grad(loss, anchor, create_graph=True)


def test_compiled_caller_gets_the_same(tiny_tiles):
    case = make_case(13, 31, 8, 5, 0)

    def caller(anchor, *rest):
        return info_nce(2 * anchor, *rest, 0.1).sum() * 3

    results = []
    for function in (caller, torch.compile(caller, backend='aot_eager')):
        anchor = case[0].clone().requires_grad_()
        loss = function(anchor, *case[1:])
        loss.backward()
        results.append((loss.detach(), anchor.grad))
    torch.testing.assert_close(*results)
