"""Tests of ``mmseg_dcc/models/losses/dynamic_consistency.py``."""
import pytest
import torch

from mmseg_dcc.models.losses import dynamic_consistency_loss, no_worse_mask
from tests.golden import assert_gradient, assert_values, golden_files, load


@pytest.mark.parametrize('path', golden_files('gct'),
                         ids=lambda path: path.stem)
def test_recorded_values(path):
    """Recorded values, with many ties and values at the threshold."""
    record = load(path)
    maps = [(record[name] / 255).requires_grad_()
            for name in ('s32_prob', 'dc_prob_r')]
    flaws = [record[f'dc_handled_{side}_u20'] / 20 for side in 'lr']
    valid = torch.ones(
        len(maps[0]), *maps[0].shape[2:], dtype=torch.bool)
    scale = record['dc_ramp'] * record['dc_scale']
    bad = (flaws[0] > 0.6) & (flaws[1] > 0.6)
    assert torch.equal(bad, record['dc_both_bad'].bool())
    for side, step in (('l', 1), ('r', -1)):
        keeps = no_worse_mask(*flaws[::step])
        assert torch.equal(keeps[:, 0], record[f'dc_{side}_keeps'].bool())
        own, other = maps[::step]
        loss = scale * dynamic_consistency_loss(own, other, keeps, valid)
        assert_values(loss, record[f'dc_loss_{side}'])
        gradient, = torch.autograd.grad(loss, own)
        assert_gradient(gradient[..., ::2, 1::2],
                        record[f'dc_grad_{side}_sub'])
        assert_gradient(gradient.sum((2, 3)), record[f'dc_grad_{side}_sum'])
        assert_gradient(gradient.square().sum(),
                        record[f'dc_grad_{side}_sq'])


def test_bad_is_bad():
    flaws = torch.tensor([0.61, 0.9, 0.6, 0.5]).view(1, 1, 1, 4)
    other = torch.tensor([0.9, 0.61, 0.61, 0.6]).view(1, 1, 1, 4)
    assert no_worse_mask(flaws, other).all()
    assert no_worse_mask(other, flaws).flatten().tolist() == [
        True, True, False, False
    ]


def test_pixel_by_pixel():
    """Loss by loops; no loss in padding, no gradient for the other network."""
    own, other = (
        torch.rand(2, 3, 4, 5).softmax(1).requires_grad_() for _ in range(2))
    keeps = torch.rand(2, 1, 4, 5) < 0.5
    valid = torch.rand(2, 4, 5) < 0.7
    expected = sum(
        ((own - other)**2)[image, :, row, column].mean().item()
        for image, row, column in valid.nonzero().tolist()
        if not keeps[image, 0, row, column]) / valid.sum().item()
    loss = dynamic_consistency_loss(own, other, keeps, valid)
    assert loss.item() == pytest.approx(expected, rel=1e-5)
    loss.backward()
    assert other.grad is None
    learns = own.grad.abs().sum(1) > 0
    assert torch.equal(learns, valid & ~keeps[:, 0])
