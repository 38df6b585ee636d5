"""Tests of ``tools/dataset_tools/mask_image.py``."""
import numpy as np
from mask_image import mask_image
from mmseg.datasets.transforms import LoadAnnotations
from PIL import Image


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
