"""Tests of ``mmseg_dcc/datasets/probe_texture.py``.

tests/test_datasets/test_geometry_probe.py tests the texture on transforms.
"""
import numpy as np
import pytest

from mmseg_dcc.datasets.probe_texture import ProbeTexture, in_place
from mmseg_dcc.structures import ViewInfo

SIZE = (200, 240)
FLIP_AXES = dict(horizontal=1, vertical=0, diagonal=(0, 1))


@pytest.fixture(scope='module')
def texture():
    return ProbeTexture.of_size(SIZE)


def test_all_greys_are_equally_frequent(texture):
    assert texture.grey.shape == SIZE
    counts = np.histogram(texture.grey, 10, (0, 1))[0]
    assert abs(counts - texture.grey.size / 10).max() <= 1


@pytest.mark.parametrize('shape', [SIZE, (*SIZE, 1), (*SIZE, 3), (*SIZE, 12)])
@pytest.mark.parametrize('dtype, low, high', [
    ('uint8', 0, 255), ('float32', -2, 3), ('uint16', 100, 900)])
def test_painted_image(texture, shape, dtype, low, high):
    image = texture.painted(np.empty(shape, dtype), low, high)
    assert image.shape == shape and image.dtype == dtype
    assert low <= image.min() < image.max() <= high
    assert np.ptp(image.astype(float)) > 0.8 * (high - low)
    grey = texture.grey.ravel()
    for channel in image.reshape(grey.size, -1).T:
        assert np.corrcoef(channel, grey)[0, 1] > 0.9
    assert in_place(texture, image)


@pytest.mark.parametrize('direction', FLIP_AXES)
def test_texture_of_a_flipped_view(texture, direction):
    box = (0, 0, *SIZE)
    seen = texture.as_seen(ViewInfo(box, box, direction))
    np.testing.assert_array_equal(
        seen.grey, np.flip(texture.grey, FLIP_AXES[direction]))
    assert in_place(seen, seen.grey)
    assert not in_place(seen, texture.grey)


@pytest.mark.parametrize('axis', [0, 1])
@pytest.mark.parametrize('pixels', [1, 2, 4, 6, 8, 16, 50])
def test_shifts(texture, axis, pixels):
    for move in (pixels, -pixels):
        moved = np.roll(texture.grey, move, axis)
        assert in_place(texture, moved) == (pixels <= 2)


def test_another_texture_is_out_of_place(texture):
    for seed in range(1, 20):
        other = ProbeTexture.of_size(SIZE, seed)
        assert not in_place(texture, other.grey)


def test_nothing_moves_without_contrast(texture):
    assert in_place(texture, np.full((*SIZE, 3), 7, np.uint8))
