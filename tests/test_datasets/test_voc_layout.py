"""Tests of ``mmseg_dcc/datasets/voc_layout.py``."""
import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_dcc.datasets.camvid import CamVidDataset
from mmseg_dcc.datasets.voc_layout import VOCLayoutDataset

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations')
]
LABEL_MAP = np.array([[0, 4, 10], [8, 255, 1]], np.uint8)


@pytest.fixture
def data_root(tmp_path):
    for folder in ('JPEGImages', 'SegmentationClass',
                   'ImageSets/Segmentation'):
        (tmp_path / folder).mkdir(parents=True)
    for stem in ('0001TP_006690', '0006R0_f00930'):
        Image.new('RGB', (3, 2)).save(tmp_path / f'JPEGImages/{stem}.jpg')
        Image.fromarray(LABEL_MAP).save(
            tmp_path / f'SegmentationClass/{stem}.png')
    (tmp_path /
     'ImageSets/Segmentation/train.txt').write_text('0006R0_f00930\n')
    return tmp_path


@pytest.mark.parametrize('name', ['CamVid', 'CCP', 'MSRC21'])
def test_built_from_the_registry_with_a_list(name, data_root):
    dataset = DATASETS.build(
        dict(
            type=f'{name}Dataset',
            data_root=str(data_root),
            ann_file='ImageSets/Segmentation/train.txt',
            pipeline=PIPELINE))
    assert isinstance(dataset, VOCLayoutDataset)
    assert len(dataset) == 1
    sample = dataset[0]
    assert sample['img_path'].endswith('JPEGImages/0006R0_f00930.jpg')
    assert sample['img'].shape == (2, 3, 3)
    np.testing.assert_array_equal(sample['gt_seg_map'], LABEL_MAP)
    assert sample['reduce_zero_label'] is False
    assert dataset.ignore_index == 255


def test_without_list_takes_all_images(data_root):
    assert len(CamVidDataset(data_root=str(data_root))) == 2


def test_subset_of_classes(data_root):
    dataset = CamVidDataset(
        data_root=str(data_root),
        metainfo=dict(classes=('Car', 'Sky')),
        pipeline=PIPELINE)
    np.testing.assert_array_equal(dataset[0]['gt_seg_map'],
                                  [[1, 255, 255], [0, 255, 255]])


def test_own_folders(data_root):
    (data_root / 'JPEGImages').rename(data_root / 'images')
    (data_root / 'SegmentationClass').rename(data_root / 'masks')
    dataset = CamVidDataset(
        data_root=str(data_root),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        pipeline=PIPELINE)
    np.testing.assert_array_equal(dataset[0]['gt_seg_map'], LABEL_MAP)
