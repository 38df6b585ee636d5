"""Tests of ``mmseg_dcc/datasets/transforms/fast_colors.py``."""
import numpy as np
import pytest
from mmcv.transforms.utils import cache_random_params
from mmseg.datasets.transforms import PhotoMetricDistortion
from mmseg.registry import TRANSFORMS
from PIL import Image

from mmseg_dcc.datasets.transforms import (
    FastPhotoMetricDistortion,
    FastRandomGrayscale,
)


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)


@pytest.mark.parametrize('step, tolerance', [
    ('brightness', 1),
    ('contrast', 1),
    ('saturation', 2),
    ('hue', 0),
])
def test_each_step_equals_that_of_mmseg(image, step, tolerance):
    changed = 0
    for seed in range(50):
        np.random.seed(seed)
        expected = getattr(PhotoMetricDistortion(), step)(image)
        np.random.seed(seed)
        got = getattr(FastPhotoMetricDistortion(), step)(image)
        assert got.dtype == np.uint8
        np.testing.assert_allclose(
            got.astype(int), expected, rtol=0, atol=tolerance)
        changed += not np.array_equal(expected, image)
    assert 15 < changed < 35


def test_all_steps_have_the_draws_and_the_strength_of_mmseg(image):
    config = dict(
        brightness_delta=60,
        contrast_range=(0.3, 2),
        saturation_range=(0.1, 3),
        hue_delta=70)
    for seed in range(50):
        np.random.seed(seed)
        expected = PhotoMetricDistortion(**config)(dict(img=image))['img']
        draw = np.random.rand()
        np.random.seed(seed)
        got = TRANSFORMS.build(
            dict(type='FastPhotoMetricDistortion', **config))(
                dict(img=image))['img']
        assert np.random.rand() == draw
        assert np.abs(got.astype(int) - expected).mean() < 3


def test_grey_is_that_of_pillow(image):
    grey = FastRandomGrayscale(prob=1)(dict(img=image))['img']
    assert grey.dtype == np.uint8
    expected = np.array(Image.fromarray(image[:, :, ::-1]).convert('L'))
    for channel in range(3):
        np.testing.assert_allclose(
            grey[:, :, channel].astype(int), expected, rtol=0, atol=1)


def test_share_of_grey_images(image):
    np.random.seed(0)
    assert FastRandomGrayscale(prob=0)(dict(img=image))['img'] is image
    transform = FastRandomGrayscale(prob=0.3)
    grey = [transform.draw() for _ in range(3000)]
    assert abs(np.mean(grey) - 0.3) < 0.05
    with cache_random_params(transform):
        assert len({transform.draw() for _ in range(20)}) == 1


@pytest.mark.parametrize(
    'transform', [FastPhotoMetricDistortion(),
                  FastRandomGrayscale(prob=1)])
def test_input_is_not_changed(image, transform):
    original = image.copy()
    for _ in range(20):
        transform(dict(img=image))
    np.testing.assert_array_equal(image, original)


@pytest.mark.parametrize('prob', [-0.1, 1.1])
def test_wrong_probability(prob):
    with pytest.raises(ValueError, match=r'prob must be in \[0, 1\]'):
        FastRandomGrayscale(prob)


def test_repr():
    grey = TRANSFORMS.build(dict(type='FastRandomGrayscale', prob=0.5))
    assert repr(grey) == 'FastRandomGrayscale(prob=0.5)'
