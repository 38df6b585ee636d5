"""Tests of ``mmseg_dcc/datasets/transforms/shared_random_crop.py``."""
import numpy as np
import pytest
from mmcv.transforms.utils import cache_random_params
from mmseg.registry import TRANSFORMS

from mmseg_dcc.datasets.transforms import SharedRandomCrop


def test_window_shows_its_part_of_the_image_and_of_the_masks():
    np.random.seed(0)
    image = np.arange(20 * 30).reshape(20, 30)
    crop = SharedRandomCrop((8, 16))
    for _ in range(50):
        results = crop(
            dict(img=image, gt_seg_map=image + 1, weak_seg_map=image + 2))
        window, = results.pop('windows')
        assert results == dict(img_shape=(8, 16))
        top, left, bottom, right = window['info'].window
        assert window['info'].valid == (0, 0, 8, 16)
        shown = image[top:bottom, left:right]
        assert shown.shape == (8, 16)
        np.testing.assert_array_equal(window['img'], shown)
        np.testing.assert_array_equal(window['masks']['gt'], shown + 1)
        np.testing.assert_array_equal(window['masks']['weak'], shown + 2)


def test_every_place_is_equally_likely():
    np.random.seed(0)
    crop = SharedRandomCrop((8, 5))
    corners = np.array([crop.draw_corner((10, 9)) for _ in range(3000)])
    counts = np.unique(corners, axis=0, return_counts=True)[1]
    assert len(counts) == 3 * 5
    assert abs(counts - 200).max() < 5 * 200**0.5


def test_place_can_be_shared():
    crop = SharedRandomCrop(8)
    with cache_random_params(crop):
        assert len({crop.draw_corner((90, 90)) for _ in range(20)}) == 1


@pytest.mark.parametrize('crop_size', [
    0, (8, -8), 8.5, (8, ), (8, 8, 3), 'large'])
def test_wrong_crop_size(crop_size):
    with pytest.raises(ValueError, match='SharedRandomCrop.crop_size must be'):
        SharedRandomCrop(crop_size)


def test_repr():
    crop = TRANSFORMS.build(
        dict(type='SharedRandomCrop', crop_size=[8, 16], pad_val=3))
    assert repr(crop) == 'SharedRandomCrop(crop_size=(8, 16), pad_val=3)'
