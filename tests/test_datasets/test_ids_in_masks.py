"""Tests of ``mmseg_dcc/datasets/ids_in_masks.py``."""
import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image


@pytest.mark.parametrize('kind, reduce_zero_label', [
    ('FolderSegDataset', False), ('FolderSegDataset', True),
    ('CamVidDataset', False)])
def test_images_of_rare_classes_are_repeated(kind, reduce_zero_label,
                                             tmp_path):
    for folder in ('images', 'masks'):
        (tmp_path / folder).mkdir()
    for i in range(8):
        mask = np.full((6, 6), 255, np.uint8)
        # id 2 in one image of eight
        mask[0, :2] = 1, 2 if i == 5 else 1
        Image.new('RGB', (6, 6)).save(tmp_path / f'images/{i}.jpg')
        Image.fromarray(mask).save(tmp_path / f'masks/{i}.png')
    dataset = DATASETS.build(
        dict(
            type='ClassBalancedDataset',
            oversample_thr=0.5,
            dataset=dict(
                type=kind,
                reduce_zero_label=reduce_zero_label,
                data_root=str(tmp_path),
                data_prefix=dict(img_path='images', seg_map_path='masks'),
                pipeline=[
                    dict(type='LoadImageFromFile'),
                    dict(type='LoadAnnotations')
                ])))
    first = 0 if reduce_zero_label else 1
    assert dataset.dataset.get_cat_ids(5) == [first, first + 1]
    assert dataset.dataset.get_cat_ids(0) == [first]
    # ceil(sqrt(0.5 / (1 / 8))) times
    assert list(dataset.repeat_indices).count(5) == 2
    assert len(dataset) == 9
    assert dataset[6]['gt_seg_map'].shape == (6, 6)
