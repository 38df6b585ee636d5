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


@pytest.mark.parametrize('size, stride', [
    ((2, 3), 8),  # coarser than the stride
    ((6, 9), 8),  # one every 5.33 px
    ((8, 6), 8),  # not the same in both directions
    ((4, 12), 8),
    ((9, 13), 8),  # one more than twice as many
    ((8, 12), 2),
])
def test_features_that_do_not_fit_the_stride(size, stride):
    with pytest.raises(ValueError, match='Set model.stride and Paired'):
        pool_to_stride(torch.zeros(1, 2, *size), (32, 48), stride)


def test_error_names_the_distance_of_features():
    with pytest.raises(ValueError, match='one every 16 px.*to stride 8'):
        pool_to_stride(torch.zeros(1, 2, 2, 3), (32, 48), 8)


@pytest.mark.parametrize('crop_size', [(32, 44), (33, 48), (4, 4)])
def test_crop_that_is_no_multiple_of_the_stride(crop_size):
    with pytest.raises(ValueError, match='multiple of the stride 8.*model.st'):
        pool_to_stride(torch.zeros(1, 2, 4, 6), crop_size, 8)


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
    with pytest.raises(ValueError, match='not a multiple of model.stride=8'):
        cut_boxes(torch.zeros(1, 3, 4, 4), [box], stride=8)
