"""Tests of ``mmseg_dcc/models/overlap.py``."""
import numpy as np
import pytest
import torch

from mmseg_dcc.models.overlap import cut_boxes, pool_to_stride, undo_flips

FLIPS = {
    None: lambda image: image,
    'horizontal': np.fliplr,
    'vertical': np.flipud,
    'diagonal': lambda image: np.fliplr(np.flipud(image)),
}


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
    (16, 8, 16),  # coarser: compared as they are
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
    ((32, 48), (8, 6)),  # not the same in both directions
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
    with pytest.raises(ValueError, match='one every 7.5 px.*model.stride=8'):
        pool_to_stride(torch.zeros(1, 2, 4, 5), (30, 40), 8)


def test_flips_are_undone_image_by_image():
    images = np.random.RandomState(0).rand(4, 3, 5, 2)  # NHWC
    flipped = [flip(image) for flip, image in zip(FLIPS.values(), images)]
    maps = torch.from_numpy(np.stack(flipped).transpose(0, 3, 1, 2).copy())
    upright = undo_flips(maps, list(FLIPS)).permute(0, 2, 3, 1)
    assert np.array_equal(upright, images)


def test_unknown_flip_is_refused():
    with pytest.raises(KeyError, match='sideways'):
        undo_flips(torch.zeros(1, 1, 2, 2), ['sideways'])


def test_gradient_passes_through_flips():
    maps = torch.zeros(1, 1, 2, 3, requires_grad=True)
    undo_flips(maps, ['horizontal'])[0, 0, 0, 0].backward()
    assert maps.grad.nonzero().tolist() == [[0, 0, 0, 2]]


def test_boxes_are_cut_row_by_row_image_after_image():
    maps = torch.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    rows = cut_boxes(maps, [(8, 16, 24, 32), (0, 0, 8, 40)], stride=8)
    expected = [maps[0, :, y, x] for y in (1, 2) for x in (2, 3)]
    expected += [maps[1, :, 0, x] for x in range(5)]
    assert torch.equal(rows, torch.stack(expected))


def test_empty_box_gives_no_rows():
    assert cut_boxes(
        torch.zeros(1, 3, 4, 4), [(8, 8, 8, 32)], stride=8).shape == (0, 3)


@pytest.mark.parametrize('edge', range(4))
def test_box_that_is_no_multiple_of_the_stride(edge):
    box = [0, 0, 16, 16]
    box[edge] += 4
    with pytest.raises(ValueError, match='not a multiple of 8 px.*Set Paired'):
        cut_boxes(torch.zeros(1, 3, 4, 4), [box], stride=8)
