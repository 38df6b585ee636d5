"""Tests of ``mmseg_dcc/models/losses/flaw_maps.py``."""
import pytest
import torch

from mmseg_dcc.models.gaussian_blur import gaussian_blur
from mmseg_dcc.models.losses import flaw_target, normalised_flaw_map
from tests.golden import assert_values, golden_files, load
from tests.test_models.test_flaw_detector import enlarged, inputs_of

recordings = pytest.mark.parametrize(
    'path', golden_files('gct'), ids=lambda path: path.stem)


@pytest.mark.parametrize('side', [32, 40])
@recordings
def test_recorded_targets(path, side):
    record = load(path)
    found = flaw_target(record[f's{side}_prob'] / 255,
                        record[f's{side}_gt'][:, 0], 255)
    assert_values(found, record[f's{side}_fdgt'].float())


@recordings
def test_recorded_targets_of_the_chain(path):
    record = load(path)
    labels = enlarged(record, 'fd_gt')[:, 0]
    for side, maps in zip('lr', inputs_of(record)[1]):
        found = flaw_target(maps[:len(labels)], labels, 255)
        assert_values(found[..., 1::8, 2::8], record[f'fd_gt_{side}_sub'])


@pytest.mark.parametrize('side', [32, 40])
@recordings
def test_recorded_normalised_maps(path, side):
    """Recorded maps; maps free of flaws are 0 (published: negative)."""
    record = load(path)
    flaws = record[f's{side}_handler_in']
    before = flaws.clone()
    found = normalised_flaw_map(flaws)
    assert torch.equal(flaws, before)
    expected = record[f's{side}_handler_out']
    assert (expected < -1).any()
    assert_values(found[:2], expected.clamp(min=0))
    assert_values(found[0], expected[0])
    # constant map: rounding errors are not stretched
    assert not found[2].any()


def test_target_is_0_where_the_prediction_is_the_mask():
    labels = torch.randint(3, (2, 16, 20))
    right = torch.nn.functional.one_hot(labels, 3).permute(0, 3, 1, 2)
    assert not flaw_target(right.float(), labels, 255).any()
    wrong = right.roll(1, 1).float()
    wrong[:, :, :, :10] = right[:, :, :, :10]
    target = flaw_target(wrong, labels, 255)
    assert target.amin() == 0 and target.amax() == 1
    # of the right half
    assert (target[..., 14:] > 0.9).all() and (target[..., :6] < 0.1).all()


@pytest.mark.parametrize('ignore_index', [2, 255])
def test_ignored_pixels_are_half_wrong(ignore_index):
    labels = torch.zeros(1, 16, 16, dtype=torch.long)
    labels[:, :, 8:] = ignore_index
    right = torch.zeros(1, 3, 16, 16)
    right[:, 0] = 1
    half = torch.zeros(1, 1, 16, 16)
    half[..., 8:] = 0.5
    expected = gaussian_blur(half, 3)
    expected = torch.nn.functional.max_pool2d(expected, 3, 1, 1)
    expected = gaussian_blur(expected, 5)
    expected = (expected - expected.min()) / (expected.max() - expected.min())
    torch.testing.assert_close(
        flaw_target(right, labels, ignore_index), expected)


def test_padding_changes_nothing():
    """Neither the content nor the presence of padding matters."""
    flaws = torch.rand(2, 1, 48, 64)
    valid = torch.ones(2, 48, 64, dtype=torch.bool)
    valid[0, :, 40:] = False
    found = []
    for padding in (-3., 0., 50.):
        padded = flaws.masked_fill(~valid[:, None], padding)
        found.append(normalised_flaw_map(padded, valid))
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[1], found[2])
    assert not found[0][0, ..., 40:].any()
    assert found[0][0].amax() == 1
    alone = normalised_flaw_map(flaws[1:])
    torch.testing.assert_close(found[0][1:], alone)
    constant = normalised_flaw_map(
        torch.full_like(flaws, 0.3).masked_fill(~valid[:, None], 9.), valid)
    assert not constant.any()


def test_maps_below_the_least_flaw_are_free_of_flaws():
    flaws = 0.09 * torch.rand(1, 1, 32, 32)
    assert not normalised_flaw_map(flaws).any()
    assert normalised_flaw_map(flaws, least=0.01).amax() == 1
