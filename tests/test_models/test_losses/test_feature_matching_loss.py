import pytest
import torch

from mmseg_dcc.models.losses import feature_matching_loss


def test_equals_a_loop():
    fake, real = torch.randn(3, 5), torch.randn(4, 5)
    expected = 0.
    for feature in range(5):
        means = [
            sum(row[feature].item() for row in rows) / len(rows)
            for rows in (fake, real)
        ]
        expected += abs(means[0] - means[1]) / 5
    assert feature_matching_loss(fake, real).item() == pytest.approx(
        expected, rel=1e-5)


def test_no_distance_between_equal_means():
    """Equal means, from other orders or other features, have loss 0."""
    real = torch.randn(4, 5)
    fake = real.flip(0).requires_grad_()
    assert feature_matching_loss(fake, real) < 1e-6
    spread = real + torch.tensor([1., -1., 2., -2.])[:, None]
    assert feature_matching_loss(spread, real) < 1e-6
    torch.testing.assert_close(
        feature_matching_loss(real + 0.5, real), torch.tensor(0.5))


def test_half_precision_is_summed_in_float32():
    rows = torch.full((2, 3), 40000., dtype=torch.float16)
    assert feature_matching_loss(rows, rows / 2) == 20000
