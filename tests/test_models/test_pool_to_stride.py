"""Tests of ``mmseg_dcc/models/pool_to_stride.py``."""
import pytest
import torch

from mmseg_dcc.models.pool_to_stride import pool_to_stride


@pytest.mark.parametrize('kernel', [1, 2, 4])
def test_pooling_is_the_mean_of_blocks(kernel):
    features = torch.randn(2, 3, 4 * kernel, 6 * kernel)
    pooled = pool_to_stride(features, (32, 48), stride=8)
    blocks = features.reshape(2, 3, 4, kernel, 6, kernel)
    torch.testing.assert_close(pooled, blocks.mean((3, 5)))


def test_features_of_the_stride_pass_unchanged():
    features = torch.randn(1, 2, 4, 6)
    assert pool_to_stride(features, (32, 48), stride=8) is features


@pytest.mark.parametrize('distance, stride, found', [
    (4, 8, 8),
    (4, 6, 8),
    (8, 8, 8),
    (16, 8, 16),  # coarser features are not pooled
    (32, 8, 32),
    (3.5, 8, 14),  # patches of 14 px, four times as fine
    (14, 8, 14),
])
def test_stride_is_found_from_the_features(distance, stride, found):
    crop_size = (224, 448)
    features = torch.randn(1, 2, *(int(side / distance) for side in crop_size))
    pooled = pool_to_stride(features, crop_size, stride)
    assert pooled.shape[2:] == (224 // found, 448 // found)
    kernel = int(found / distance)
    torch.testing.assert_close(pooled[..., 0, 1],
                               features[..., :kernel, kernel:2 * kernel].mean(
                                   (2, 3)))


@pytest.mark.parametrize('crop_size, size', [
    ((32, 48), (8, 6)),  # different strides in both directions
    ((32, 48), (4, 12)),
    ((32, 48), (7, 11)),  # no padding in the network
    ((65, 65), (9, 9)),  # odd crops
    ((65, 65), (17, 17)),
    ((30, 30), (7, 7)),
])
def test_features_at_no_whole_distance(crop_size, size):
    with pytest.raises(ValueError, match='Set PairedRandomCrop.crop_size'):
        pool_to_stride(torch.zeros(1, 2, *size), crop_size, 8)


def test_error_names_the_distance_of_features():
    with pytest.raises(ValueError, match='is 7.5 px.*least 8 px .stride of'):
        pool_to_stride(torch.zeros(1, 2, 4, 5), (30, 40), 8)
