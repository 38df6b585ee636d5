"""Tests of ``mmseg_dcc/models/losses/entropy_filtered_loss.py``."""
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmseg_dcc.models.losses.entropy_filtered_loss import (
    entropy_filtered_loss,
    entropy_thresholds,
    percentiles,
    pixel_entropy,
)
from tests.golden import assert_values, golden_files, load

recordings = pytest.mark.parametrize(
    'path', golden_files('u2pl'), ids=lambda path: path.stem)


@pytest.mark.parametrize('epoch', [0, 40])
@recordings
def test_recorded_entropy_and_thresholds(path, epoch):
    record = load(path)
    valid = record['label_u'] != 255
    scores = F.interpolate(
        record['teacher_logits_small'][2:].double(),
        valid.shape[1:],
        mode='bilinear',
        align_corners=True)
    entropy = pixel_entropy(scores.softmax(1))
    assert_values(entropy.float(), record['entropy_u'])
    key = f'pipe_e{epoch}_'
    share = float(record[f'{key}alpha_t']) / 100
    low, high = entropy_thresholds(entropy, valid, share)
    assert_values(low.float(), record[f'{key}low_thresh'])
    assert_values(high.float(), record[f'{key}high_thresh'])
    assert_values(high.float(), record[f'{key}drop_thresh'])


def test_entropy_of_certain_and_of_uniform_pixels():
    certain = torch.tensor([1., 0., 0., 0.]).view(1, 4, 1, 1)
    assert pixel_entropy(certain).item() == pytest.approx(0, abs=1e-6)
    uniform = torch.full((1, 4, 1, 1), 0.25)
    assert pixel_entropy(uniform).item() == pytest.approx(math.log(4))


@pytest.mark.parametrize('count', [1, 2, 7, 1000])
def test_percentiles_are_those_of_numpy(count):
    values = torch.randn(count)
    percents = [0, 3.7, 20, 50, 80, 100]
    torch.testing.assert_close(
        torch.stack(percentiles(values, percents)),
        torch.from_numpy(
            np.percentile(values.numpy(), percents).astype(np.float32)))


def test_without_pixels_nothing_lies_beyond_a_threshold():
    entropy = torch.rand(1, 3, 3)
    thresholds = entropy_thresholds(
        entropy, torch.zeros(1, 3, 3, dtype=torch.bool), 0.2)
    for threshold in thresholds:
        assert not (entropy < threshold).any()
        assert not (entropy >= threshold).any()


def test_loss_pixel_by_pixel():
    scores = torch.randn(2, 4, 5, 6, requires_grad=True)
    labels = torch.randint(4, (2, 5, 6))
    counted = torch.rand(2, 5, 6) < 0.8
    kept = counted & (torch.rand(2, 5, 6) < 0.5)
    loss = entropy_filtered_loss(scores, labels, kept, counted)
    losses = [
        -scores[i, :, y, x].log_softmax(0)[labels[i, y, x]]
        for i, y, x in kept.nonzero().tolist()
    ]
    share = len(losses) / counted.sum()
    torch.testing.assert_close(loss, sum(losses) / len(losses) / share)
    loss.backward()
    assert torch.equal(scores.grad.any(1), kept)


def test_loss_without_kept_pixels_has_a_graph():
    scores = torch.randn(1, 3, 4, 4, requires_grad=True)
    nowhere = torch.zeros(1, 4, 4, dtype=torch.bool)
    loss = entropy_filtered_loss(scores, nowhere.long(), nowhere, ~nowhere)
    loss.backward()
    assert loss == 0 and not scores.grad.any()
