"""Tests that mask images keep their ids."""
import numpy as np
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image

from mmseg_dcc.utils.mask_image import mask_image


def test_mask_is_read_back_as_ids(tmp_path):
    mask = np.array([[0, 3], [255, 20]], np.uint8)
    mask_image(mask).save(tmp_path / 'a.png')
    assert Image.open(tmp_path / 'a.png').mode == 'P'
    sample = dict(
        seg_map_path=str(tmp_path / 'a.png'),
        seg_fields=[],
        reduce_zero_label=False)
    np.testing.assert_array_equal(
        LoadAnnotations()(sample)['gt_seg_map'], mask)


def test_colours_of_a_data_set(tmp_path):
    mask = np.array([[0, 1], [255, 2]], np.uint8)
    image = mask_image(mask, [[1, 2, 3], [4, 5, 6]])
    np.testing.assert_array_equal(np.array(image), mask)
    colors = np.array(image.convert('RGB'))
    assert colors[0].tolist() == [[1, 2, 3], [4, 5, 6]]
    # that of VOC where the data set has none
    assert colors[1].tolist() == [[255, 255, 255], [0, 128, 0]]
