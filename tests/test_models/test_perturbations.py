"""Tests of ``mmseg_dcc/models/perturbations.py``."""
import numpy as np
import pytest
import torch

from mmseg_dcc.models import perturbations
from mmseg_dcc.models.auxiliary_decoders import AuxiliaryDecoder
from mmseg_dcc.models.channel_dropout import mask_channels
from mmseg_dcc.models.perturbations import (
    cut_out,
    draw_cutouts,
    drop_active,
    drop_active_above,
    drop_channels,
    kept_by_cutouts,
    mask_context,
    mask_objects,
    nearest,
    normalised,
    object_boxes,
    random_direction,
    scale_by_noise,
    shift_adversarially,
)
from tests.cct_recordings import decoder_of, recorded_cutouts
from tests.golden import assert_values, golden_files, load

recordings = pytest.mark.parametrize(
    'path', golden_files('cct'), ids=lambda path: path.stem)


def in_double(path):
    """Recorded values that need float64."""
    with np.load(path) as file:
        return {
            name: torch.from_numpy(array.astype(np.float64))
            for name, array in file.items() if array.dtype.kind == 'f'
        }


@recordings
def test_recorded_perturbations(path):
    recorded = load(path)
    features, size = recorded['f'], recorded['z'].shape[2:]
    foreground = recorded['z'].argmax(1) > 0
    assert torch.equal(foreground, recorded['gcut_fg'].bool())
    cutouts = kept_by_cutouts(recorded_cutouts(recorded), size)
    assert torch.equal(cutouts, recorded['gcut_mask_full'].bool())
    for name, found in dict(
            drop=mask_channels(features, recorded['drop_scale']),
            fdrop=drop_active_above(features, recorded['fdrop_u'].item()),
            fnoise=features + features * recorded['fnoise_noise'],
            gcut=mask_context(features, cutouts),
            conmsk=mask_context(features, foreground),
            objmsk=mask_objects(features, foreground)).items():
        assert_values(found, recorded[f'{name}_pert'])


@recordings
def test_recorded_edge_of_feature_drop(path):
    """Nothing is dropped where every mean is negative."""
    recorded = load(path)
    assert_values(
        drop_active_above(recorded['fdrop_edge_f'],
                          recorded['fdrop_edge_u'].item()),
        recorded['fdrop_edge_pert'])


@recordings
@pytest.mark.parametrize('maps, boxes, ignored', [
    ('gcut_fg', 'gcut_boxes', 'gcut_contours_ignored'),
    ('cut_edge_maps', 'cut_edge_boxes', None)])
def test_recorded_contours(path, maps, boxes, ignored):
    recorded = load(path)
    foreground = recorded[maps].bool()

    def rows(name):
        return sorted((image, top, left, bottom, right)
                      for image, _, top, bottom, left, right, *_ in
                      recorded[name].tolist())

    def found(min_points):
        return sorted((image, *box) for image, objects in enumerate(
            object_boxes(foreground, min_points)) for box in objects)

    assert found(50) == rows(boxes)
    if ignored:
        assert found(0) == sorted(rows(boxes) + rows(ignored))
    # as large as drawn
    cutouts = recorded_cutouts(recorded, boxes, len(foreground))
    for objects, expected in zip(object_boxes(foreground), cutouts):
        assert sorted((bottom - top, right - left)
                      for top, left, bottom, right in draw_cutouts(objects)
                      ) == sorted((bottom - top, right - left)
                                  for top, left, bottom, right in expected)
    if maps == 'cut_edge_maps':
        kept = kept_by_cutouts(cutouts, foreground.shape[1:])
        assert torch.equal(kept, recorded['cut_edge_mask_full'].bool())
        size = recorded['cut_edge_mask'].shape[1:]
        assert torch.equal(
            nearest(kept, size)[:, 0], recorded['cut_edge_mask'].bool())


@recordings
def test_recorded_shift(path, monkeypatch):
    """The published xi only works in float64."""
    recorded = in_double(path)
    monkeypatch.setattr(torch, 'rand_like', lambda _: recorded['vat_rand'])
    features = recorded['f']
    torch.testing.assert_close(
        random_direction(features), recorded['vat_d0'], rtol=1e-7, atol=1e-9)
    shift = shift_adversarially(
        features, decoder_of(recorded, 'vat'), xi=1e-6,
        eps=recorded['vat_eps'].item()) - features
    torch.testing.assert_close(
        shift, recorded['vatunit_r_adv'], rtol=0, atol=1e-7)
    # The published shift has this direction, but not this length.
    length = recorded['vat_d1_norm'][:, None, None, None]
    torch.testing.assert_close(
        shift * length, recorded['vat_r_adv'], rtol=0, atol=1e-10)
    assert length.max() < 0.1


@recordings
@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_recorded_shift_of_other_settings(path, dtype, monkeypatch):
    recorded = {key: value.to(dtype) for key, value in in_double(path).items()}
    monkeypatch.setattr(torch, 'rand_like', lambda _: recorded['vat_rand'])
    features = recorded['f']
    shift = shift_adversarially(
        features, decoder_of(recorded, 'vat'), xi=recorded['vat2_xi'].item(),
        eps=recorded['vat2_eps'].item()) - features
    expected = recorded['vat2_r_adv']
    error = (shift - expected).abs().max() / expected.abs().max()
    assert error < (5e-5 if dtype == torch.float32 else 1e-5)


def test_default_shift_is_exact_in_float32_at_the_published_size():
    """512 channels, 40 x 40 positions, 21 classes."""
    torch.manual_seed(0)
    decoder = AuxiliaryDecoder(512, 21, 8)
    features = torch.rand(1, 512, 40, 40).pow(2)
    shifts = []
    for dtype in (torch.float32, torch.float64):
        decoder.to(dtype)
        torch.manual_seed(1)
        direction = torch.rand(features.shape).to(dtype)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, 'rand_like', lambda _, drawn=direction: drawn)
            shifts.append((shift_adversarially(
                features.to(dtype), decoder) - features).double().flatten())
    assert torch.cosine_similarity(*shifts, dim=0) > 0.999
    # the length is the configured one
    assert shifts[0].norm() == pytest.approx(2., rel=1e-3)


def test_shift_moves_the_classes_more_than_a_random_one():
    torch.manual_seed(0)
    decoder = AuxiliaryDecoder(6, 4, 2)
    features = torch.rand(2, 6, 5, 7)
    before = decoder(features).softmax(1)

    def moved(other):
        return (decoder(other).softmax(1) - before).square().sum()

    assert moved(shift_adversarially(features, decoder)) > 3 * moved(
        features + 2 * random_direction(features))


def test_shift_leaves_gradients_padding_and_dead_decoders_alone():
    decoder = AuxiliaryDecoder(6, 4, 2)
    features = torch.rand(2, 6, 4, 8, requires_grad=True)
    valid = torch.ones(2, 16, 32, dtype=torch.bool)
    valid[0, :, 16:] = False
    with torch.no_grad():  # no gradient, as in the control with weight 0
        found = shift_adversarially(features, decoder, valid)
    assert all(weight.grad is None for weight in decoder.parameters())
    assert features.grad is None
    shift = found - features
    assert not shift[0, :, :, 4:].any()
    assert shift[0, :, :, :4].norm().item() == pytest.approx(2., rel=1e-4)
    for weight in decoder.parameters():
        weight.data.fill_(-1.)
    assert torch.equal(shift_adversarially(features, decoder), features)
    shift_adversarially(features, decoder).sum().backward()
    assert torch.equal(features.grad, torch.ones_like(features))


def test_shift_is_not_computed_in_half_precision():
    decoder = AuxiliaryDecoder(6, 4, 2)
    features = torch.rand(2, 6, 4, 8)
    found = []
    for enabled in (False, True):
        torch.manual_seed(0)
        with torch.autocast('cpu', torch.bfloat16, enabled):
            found.append(shift_adversarially(features, decoder))
    assert torch.equal(*found)


def test_identity_at_the_end_of_each_range():
    features = torch.rand(2, 6, 8, 8)
    foreground = torch.ones(2, 32, 32, dtype=torch.bool)
    boxes = [[(0, 0, 31, 31)]] * 2
    for found in (drop_channels(features, 0.),
                  scale_by_noise(features, 0.),
                  cut_out(features, boxes, (32, 32), 0.),
                  cut_out(features, [[], []], (32, 32)),
                  drop_active(features, (1.1, 1.2)),
                  mask_context(features, foreground),
                  mask_objects(features, ~foreground)):
        assert torch.equal(found, features)
    foreground = torch.rand(2, 32, 32) < 0.5
    torch.testing.assert_close(
        mask_context(features, foreground) + mask_objects(
            features, foreground), features)


def test_draws_have_the_law_that_they_say():
    ones = torch.ones(100, 100, 2, 2)
    dropped = drop_channels(ones, 0.2)
    torch.testing.assert_close(dropped.unique(), torch.tensor([0., 1.25]))
    assert (dropped == dropped[..., :1, :1]).all()  # whole channels
    assert (dropped[..., 0, 0] == 0).float().mean().item() == pytest.approx(
        0.2, abs=0.02)
    noisy = scale_by_noise(torch.ones(3, 100, 10, 10), 0.3)
    assert torch.equal(noisy[0], noisy[1])
    assert 0.7 <= noisy.min() < 0.71 and 1.29 < noisy.max() <= 1.3
    assert noisy.mean().item() == pytest.approx(1, abs=0.01)
    # every position that fits and no other
    tops = {draw_cutouts([(5, 7, 15, 7)], 0.4)[0] for _ in range(300)}
    assert tops == {(top, 7, top + 4, 7) for top in range(5, 12)}


def test_drop_active_draws_between_the_ends():
    features = torch.linspace(0.01, 1, 100).view(1, 1, 10, 10)
    counts = [(drop_active(features, (0.7, 0.9)) == 0).sum().item()
              for _ in range(200)]
    assert 10 <= min(counts) < 13 and 28 < max(counts) <= 31


def test_padding_is_not_the_most_active():
    features = torch.ones(1, 2, 4, 4)
    features[..., 0, 0] = 0.1
    features[..., 3:] = 100
    valid = torch.ones(1, 16, 16, dtype=torch.bool)
    valid[..., 12:] = False
    found = drop_active_above(features, 0.8, valid)
    assert not found[..., 1:].any() and not found[..., 1:, :].any()
    assert (found[..., 0, 0] == 0.1).all()
    # if padding counted, nothing else would be active
    assert drop_active_above(features, 0.8)[..., :3].sum() > 20


def test_tiny_gradients_are_normalised():
    directions = 1e-30 * torch.rand(2, 3, 4, 5)
    norms = normalised(directions).flatten(1).norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(2))
    assert not normalised(torch.zeros(1, 2, 3, 4)).any()


def test_components_touch_at_corners_and_hide_what_is_in_their_holes():
    mask = torch.zeros(1, 20, 20, dtype=torch.bool)
    mask[0, 2:4, 2:4] = mask[0, 4:6, 4:6] = True  # one, by the corner
    mask[0, 8:19, 8:19] = True
    mask[0, 10:17, 10:17] = False
    mask[0, 12:14, 12:14] = True
    found, = object_boxes(mask, 0)
    assert sorted(found) == [(2, 2, 5, 5), (8, 8, 18, 18)]
    assert object_boxes(mask, 4)[0] == [(2, 2, 5, 5)]
    assert perturbations.object_boxes(torch.zeros_like(mask)) == [[]]
