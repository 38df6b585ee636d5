"""Tests of ``mmseg_dcc/datasets/transforms/windows.py`` by both crops."""
import numpy as np
import pytest

from mmseg_dcc.datasets.transforms import PairedRandomCrop, SharedRandomCrop

CROPS = [PairedRandomCrop, SharedRandomCrop]
SHAPES = [(10, 19), (10, 19, 1), (10, 19, 3), (10, 19, 4), (10, 19, 12)]


def windows(image, crop, *args, **masks):
    np.random.seed(0)
    return crop(*args)(dict(img=image, **masks))['windows']


def naive_padding(image, size, pixel):
    padded = np.empty((*size, *image.shape[2:]), image.dtype)
    for row in range(size[0]):
        for column in range(size[1]):
            inside = row < image.shape[0] and column < image.shape[1]
            padded[row, column] = image[row, column] if inside else pixel
    return padded


@pytest.mark.parametrize('crop', CROPS)
@pytest.mark.parametrize('dtype', ['uint8', 'uint16', 'float32'])
@pytest.mark.parametrize('shape', SHAPES)
def test_small_images_of_any_kind_are_padded(crop, dtype, shape):
    image = np.random.default_rng(0).integers(1, 200, shape).astype(dtype)
    usual = (104, 116, 124) if (dtype, shape[2:]) == ('uint8', (3, )) else 0
    each = np.arange(1, 1 + (shape[2] if len(shape) == 3 else 1))
    for pad_val, pixel in ((None, usual), (7, 7), (each.tolist(), each)):
        pixel = pixel if len(shape) == 3 or np.ndim(pixel) == 0 else pixel[0]
        kwargs = dict(crop_size=24, pad_val=pad_val)
        for window in crop(**kwargs)(dict(img=image))['windows']:
            assert window['img'].dtype == dtype
            np.testing.assert_array_equal(
                window['img'], naive_padding(image, (24, 24), pixel))
            assert window['info'].valid == (0, 0, 10, 19)
            assert window['info'].window == (0, 0, 24, 24)


@pytest.mark.parametrize('crop', CROPS)
@pytest.mark.parametrize('shape, pad_val, message', [
    ((9, 9, 5), (1, 2, 3), r'pad_val=\(1, 2, 3\) has 3 values.* 5 channel'),
    ((99, 99, 3), (1, 2, 3, 4), '4 values.* 3 channel'),
    ((9, 9), (1, 2, 3), '3 values.* 1 channel'),
])
def test_wrong_number_of_values(crop, shape, pad_val, message):
    with pytest.raises(ValueError, match=f'{crop.__name__}.*{message}'):
        crop(16, pad_val=pad_val)(dict(img=np.zeros(shape, np.uint8)))


@pytest.mark.parametrize('crop', CROPS)
def test_masks_are_padded_as_unknown(crop):
    mask = np.random.default_rng(0).integers(0, 21, (10, 40)).astype(np.uint8)
    wide = mask.astype(np.int64)
    for window in windows(
            mask, crop, 16, gt_seg_map=mask, weak_seg_map=wide):
        valid = window['info'].valid_mask().numpy()
        assert valid.sum() == 10 * 16
        for kind, dtype in (('gt', np.uint8), ('weak', np.int64)):
            found = window['masks'][kind]
            assert found.dtype == dtype
            assert (found[~valid] == 255).all()
            np.testing.assert_array_equal(found[valid], window['img'][valid])


@pytest.mark.parametrize('crop', CROPS)
def test_there_are_the_masks_that_were_there(crop):
    image = np.zeros((40, 40, 3), np.uint8)
    mask = image[..., 0]
    for keys in ((), ('gt', ), ('weak', ), ('gt', 'weak')):
        results = crop(16)(
            dict(img=image, **{f'{key}_seg_map': mask for key in keys}))
        assert 'gt_seg_map' not in results and 'weak_seg_map' not in results
        for window in results['windows']:
            assert tuple(window['masks']) == keys


@pytest.mark.parametrize('crop', CROPS)
@pytest.mark.parametrize('kind', ['gt', 'weak'])
def test_mask_of_another_size_is_refused(crop, kind):
    message = (rf'{kind}_seg_map has the size \(20, 40\), the image '
               rf'\(40, 40\).*before {crop.__name__}')
    with pytest.raises(ValueError, match=message):
        windows(
            np.zeros((40, 40, 3), np.uint8), crop, 16,
            **{f'{kind}_seg_map': np.zeros((20, 40), np.uint8)})


@pytest.mark.parametrize('crop', CROPS)
@pytest.mark.parametrize('size', [(20000, 20), (20, 20000), (1, 1)])
def test_images_of_any_shape(crop, size):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    for window in windows(image, crop, 32):
        top, left, bottom, right = window['info'].window
        assert window['img'].shape == (32, 32, 3)
        valid = window['info'].valid
        assert valid == (0, 0, min(size[0], 32), min(size[1], 32))
        np.testing.assert_array_equal(window['img'][:valid[2], :valid[3]],
                                      image[top:bottom, left:right])


@pytest.mark.parametrize('crop', CROPS)
def test_whole_windows_are_not_copied(crop):
    image = np.zeros((40, 40, 3), np.uint8)
    for window in windows(image, crop, 32):
        assert np.shares_memory(window['img'], image)
