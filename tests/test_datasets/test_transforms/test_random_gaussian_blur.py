"""Tests of ``mmseg_dcc/datasets/transforms/random_gaussian_blur.py``."""
import cv2
import numpy as np
import pytest
from mmcv.transforms.utils import cache_random_params
from mmseg.registry import TRANSFORMS

from mmseg_dcc.datasets.transforms import RandomGaussianBlur


@pytest.fixture
def image():
    return np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)


def test_never_and_always(image):
    kept = RandomGaussianBlur(prob=0)(dict(img=image))['img']
    np.testing.assert_array_equal(kept, image)
    blurred = RandomGaussianBlur(
        prob=1, sigma_range=(1.5, 1.5))(dict(img=image))['img']
    np.testing.assert_array_equal(blurred,
                                  cv2.GaussianBlur(image, (0, 0), 1.5))
    assert blurred.std() < image.std() / 2


def test_input_is_not_changed(image):
    original = image.copy()
    RandomGaussianBlur(prob=1)(dict(img=image))
    np.testing.assert_array_equal(image, original)


def test_share_of_blurred_images_and_their_sigmas():
    np.random.seed(0)
    blur = RandomGaussianBlur(prob=0.3, sigma_range=(0.5, 2.5))
    blurred, sigmas = np.array([blur.draw() for _ in range(3000)]).T
    assert abs(blurred.mean() - 0.3) < 0.05
    assert 0.5 <= sigmas.min() < 0.6 and 2.4 < sigmas.max() <= 2.5
    assert abs(sigmas.mean() - 1.5) < 0.05


def test_random_parameters_can_be_shared(image):
    blur = RandomGaussianBlur(prob=0.5)
    with cache_random_params(blur):
        assert len({blur.draw() for _ in range(20)}) == 1


@pytest.mark.parametrize('kwargs', [
    dict(prob=-0.1),
    dict(prob=1.1),
    dict(sigma_range=(0, 1)),
    dict(sigma_range=(2, 1)),
])
def test_wrong_arguments(kwargs):
    with pytest.raises(ValueError, match=r'prob in \[0, 1\] and sigma_range'):
        RandomGaussianBlur(**kwargs)


def test_repr():
    blur = TRANSFORMS.build(dict(type='RandomGaussianBlur', prob=0.2))
    assert repr(blur) == (
        'RandomGaussianBlur(prob=0.2, sigma_range=(0.1, 2.0))')
