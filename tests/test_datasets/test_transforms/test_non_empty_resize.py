"""Tests of ``mmseg_dcc/datasets/transforms/non_empty_resize.py``."""
import cv2
import numpy as np
import pytest
from mmseg.datasets.transforms import Resize
from mmseg.registry import TRANSFORMS

from mmseg_dcc.datasets import NonEmptyResize


def image_and_mask(height, width):
    rng = np.random.default_rng(0)
    return dict(
        img=rng.integers(0, 256, (height, width, 3), np.uint8),
        gt_seg_map=rng.integers(0, 9, (height, width), np.uint8),
        weak_seg_map=rng.integers(0, 9, (height, width), np.uint8),
        seg_fields=['gt_seg_map', 'weak_seg_map'])


@pytest.mark.parametrize('kwargs', [
    dict(scale=(50, 40), keep_ratio=True),
    dict(scale=(50, 40)),
    dict(scale_factor=0.5, keep_ratio=True),
])
def test_same_as_the_stock_transform(kwargs):
    ours = NonEmptyResize(**kwargs)(image_and_mask(60, 90))
    stock = Resize(**kwargs)(image_and_mask(60, 90))
    assert ours.keys() == stock.keys()
    for key, value in stock.items():
        np.testing.assert_array_equal(ours[key], value)


@pytest.mark.parametrize('size, expected', [((1, 3000), (1, 50)),
                                            ((3000, 1), (50, 1))])
def test_thin_image_keeps_a_pixel(size, expected):
    kwargs = dict(scale=(50, 50), keep_ratio=True)
    with pytest.raises(cv2.error):
        Resize(**kwargs)(image_and_mask(*size))
    results = NonEmptyResize(**kwargs)(image_and_mask(*size))
    assert results['img'].shape == (*expected, 3)
    for key in ('gt_seg_map', 'weak_seg_map'):
        assert results[key].shape == expected
    assert results['img_shape'] == expected


def test_inside_random_resize():
    resize = TRANSFORMS.build(
        dict(
            type='RandomResize',
            resize_type='NonEmptyResize',
            scale=(50, 50),
            ratio_range=(0.5, 2.0),
            keep_ratio=True))
    for _ in range(20):
        shape = resize(image_and_mask(1, 3000))['img'].shape
        assert shape[0] == 1 and 25 <= shape[1] <= 100
