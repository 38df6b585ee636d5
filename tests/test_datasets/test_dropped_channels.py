"""Tests of ``mmseg_dcc/datasets/dropped_channels.py``."""
import cv2
import numpy as np
import pytest
from PIL import Image

from mmseg_dcc.datasets import UnlabeledDataset
from mmseg_dcc.datasets.dropped_channels import warn_of_dropped_channels

SIZE = (8, 12)


def dataset(folder, **load):
    return UnlabeledDataset(
        data_root=str(folder),
        pipeline=[dict(type='LoadImageFromFile', **load)])


def pixels(channels, dtype='uint8'):
    rng = np.random.default_rng(0)
    return rng.integers(0, 200, (*SIZE, channels)).astype(dtype)


def write_tiff(path, array, **kwargs):
    tifffile = pytest.importorskip('tifffile')
    tifffile.imwrite(path, array, **kwargs)


def rgba(mode='RGBA', alpha=None):
    array = pixels(4)
    if alpha is not None:
        array[..., 3] = alpha
    return Image.fromarray(array, 'RGBA').convert(mode)


@pytest.mark.parametrize('suffix', ['png', 'webp', 'tif'])
def test_alpha_that_hides_something(tmp_path, warnings_logged, suffix):
    rgba().save(tmp_path / f'a.{suffix}')
    warn_of_dropped_channels(dataset(tmp_path))
    warning, = warnings_logged()
    assert f'a.{suffix} has 4 channels, but only 3 are loaded' in warning
    assert "set color_type='unchanged' in LoadImageFromFile" in warning


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('order', '<>')
@pytest.mark.parametrize('dtype', ['uint8', 'uint16'])
def test_fourth_band_that_opencv_drops(tmp_path, warnings_logged, dtype,
                                       order, big):
    write_tiff(
        tmp_path / 'a.tif',
        pixels(4, dtype),
        photometric='minisblack',
        planarconfig='contig',
        byteorder=order,
        bigtiff=big)
    # unchanged is no way out
    for color_type, loaded in (('color', 3), ('unchanged', 1)):
        warn_of_dropped_channels(dataset(tmp_path, color_type=color_type))
        warning = warnings_logged()[-1]
        assert f'a.tif has 4 channels, but only {loaded} are loaded' in warning
        assert "imdecode_backend='tifffile'" in warning
        assert 'LoadSingleRSImageFromFile' in warning


@pytest.mark.parametrize('channels', [4, 5, 12])
def test_the_way_out_that_is_named(tmp_path, warnings_logged, capfd,
                                   channels):
    write_tiff(
        tmp_path / 'a.tif',
        pixels(channels),
        photometric='minisblack',
        planarconfig='contig')
    data = dataset(
        tmp_path, color_type='unchanged', imdecode_backend='tifffile')
    assert data[0]['img'].shape == (*SIZE, channels)
    warn_of_dropped_channels(data)
    assert not warnings_logged()
    # OpenCV complains of what it cannot read
    assert 'loadsave' not in capfd.readouterr().err


@pytest.mark.parametrize('make', [
    lambda: rgba(alpha=255),
    lambda: rgba('LA'),
    lambda: rgba('P'),
    lambda: rgba('L'),
    lambda: rgba('RGB'),
    lambda: Image.fromarray(pixels(1)[..., 0].astype(np.uint16)),
])
@pytest.mark.parametrize('color_type', ['color', 'grayscale', 'unchanged'])
def test_no_reason_to_warn(tmp_path, warnings_logged, make, color_type):
    make().save(tmp_path / 'a.png')
    warn_of_dropped_channels(dataset(tmp_path, color_type=color_type))
    assert not warnings_logged()


def test_palette_with_a_transparent_colour(tmp_path, warnings_logged):
    rgba('RGB').quantize(8).save(tmp_path / 'a.png', transparency=0)
    warn_of_dropped_channels(dataset(tmp_path))
    assert not warnings_logged()


def test_alpha_that_is_loaded(tmp_path, warnings_logged):
    rgba().save(tmp_path / 'a.png')
    warn_of_dropped_channels(dataset(tmp_path, color_type='unchanged'))
    assert not warnings_logged()


def test_opaque_alpha_of_two_bytes(tmp_path, warnings_logged):
    image = pixels(4, 'uint16')
    image[..., 3] = 65535
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    warn_of_dropped_channels(dataset(tmp_path))
    assert not warnings_logged()


def test_unreadable_image_is_left_to_the_data_set(tmp_path, warnings_logged):
    (tmp_path / 'a.tif').write_bytes(b'II*')
    warn_of_dropped_channels(dataset(tmp_path))
    assert not warnings_logged()
