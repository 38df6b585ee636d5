"""Tests of ``mmseg_dcc/models/losses/flaw_correction.py``."""
import pytest
import torch

from mmseg_dcc.models.frozen import frozen
from mmseg_dcc.models.losses import flaw_correction_loss
from tests.golden import assert_gradient, assert_values, golden_files, load
from tests.test_models.test_flaw_detector import inputs_of, of_record


@pytest.mark.parametrize('path', golden_files('gct'),
                         ids=lambda path: path.stem)
def test_recorded_values(path):
    record = load(path)
    detector = of_record(record).train()
    images, maps = inputs_of(record)
    bad = record['fd_both_bad'].bool()
    for side, single in zip('lr', maps):
        single.requires_grad_()
        flaws = frozen(detector)(images, single)
        loss = flaw_correction_loss(flaws, bad,
                                    torch.ones_like(bad[:, 0]))
        assert_values(loss, record[f'Lfc_{side}'])
        loss.backward()
        assert_gradient(single.grad[..., 3::12, 5::12],
                        record[f'Lfc_grad_{side}_sub'])
        assert_gradient(single.grad.sum((2, 3)),
                        record[f'Lfc_grad_{side}_sum'])
        assert_gradient(single.grad.square().sum(),
                        record[f'Lfc_grad_{side}_sq'])
    assert all(value.grad is None for value in detector.parameters())


def test_padding_does_not_count():
    flaws = torch.tensor([1., 2., 3., 4.]).view(1, 1, 2, 2)
    bad = torch.tensor([True, False, True, True]).view(1, 1, 2, 2)
    valid = torch.tensor([True, True, False, True]).view(1, 2, 2)
    assert flaw_correction_loss(flaws, bad, valid).item() == pytest.approx(
        (1 + 16) / 3)
