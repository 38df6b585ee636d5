import re

import pytest
import torch

from mmseg_dcc.models.channel_dropout import (
    complementary_masks,
    complementary_masks_from,
    mask_channels,
)
from tests.golden import golden_files, load


@pytest.mark.parametrize('count', [1, 3, 4])
@pytest.mark.parametrize('keep_share', [0, 0.5, 1])
def test_masks(count, keep_share):
    mask1, mask2 = complementary_masks(count, 64, keep_share)
    assert mask1.shape == mask2.shape == (count, 64)
    assert torch.equal(mask1 + mask2, torch.full((count, 64), 2.))
    untouched = (mask1 == 1).all(1)
    assert untouched.sum() == int(count * keep_share)
    assert ((mask1 == 0) | (mask1 == 2))[~untouched].all()
    # each image has a separate draw of about half of the channels
    assert (mask1[~untouched].mean(1) - 1).abs().lt(0.7).all()
    assert len(mask1[~untouched].unique(dim=0)) == (~untouched).sum()


def test_each_image_is_left_untouched_as_often():
    times = torch.zeros(4)
    for _ in range(2000):
        times += (complementary_masks(4, 8)[0] == 1).all(1)
    assert times.sum() == 4000
    assert (times - 1000).abs().max() < 120


@pytest.mark.parametrize('shape, channel_axis', [((3, 8, 2, 5), 1),
                                                 ((3, 5, 8), 2)])
def test_mask_channels_one_by_one(shape, channel_axis):
    maps, masks = torch.randn(shape), torch.randn(3, 8)
    masked = mask_channels(maps, masks)
    for image in range(3):
        for channel in range(8):
            at = (image, channel) if channel_axis == 1 else (image,
                                                             slice(None),
                                                             channel)
            assert torch.equal(masked[at], maps[at] * masks[image, channel])


def test_mean_of_both_views_is_the_features():
    maps = torch.randn(4, 8, 3, 5)
    mask1, mask2 = complementary_masks(4, 8)
    assert (mask1 != 1).any()
    mean = (mask_channels(maps, mask1) + mask_channels(maps, mask2)) / 2
    torch.testing.assert_close(mean, maps)


def test_the_dtype_of_the_maps_stays():
    maps = torch.randn(2, 8, 3, 5).bfloat16()
    assert mask_channels(maps, complementary_masks(2, 8)[0]).dtype == (
        torch.bfloat16)


@pytest.mark.parametrize('path', golden_files('unimatch_v2'))
def test_recorded(path):
    recorded = load(path)
    cases = [name[:-len('bernoulli')] for name in recorded
             if name.endswith('_bernoulli')]
    assert cases
    for case in cases:
        order = recorded[f'{case}randperm']
        masks = torch.cat(
            complementary_masks_from(recorded[f'{case}bernoulli'],
                                     order[:int(len(order) * 0.5)]))
        assert torch.equal(masks, recorded[f'{case}mask'])
        levels = [name for name in recorded
                  if re.fullmatch(rf'{case}in\d+', name)]
        assert levels
        for level in levels:
            tokens = recorded[level]
            expected = recorded[level.replace('_in', '_out')]
            assert torch.equal(mask_channels(tokens, masks), expected)
            maps = tokens.transpose(1, 2)[..., None]
            assert torch.equal(
                mask_channels(maps, masks),
                expected.transpose(1, 2)[..., None])


def test_class_tokens_lose_the_channels_that_their_maps_lose():
    """Levels as for the DPT head of mmseg: pairs of a map and a token."""
    masks = complementary_masks(2, 8)[0]
    tokens = torch.randn(2, 8)
    assert torch.equal(
        mask_channels(tokens, masks),
        mask_channels(tokens[..., None, None], masks)[..., 0, 0])
