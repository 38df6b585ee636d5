"""Tests of ``mmseg_dcc/datasets/part_of_dataset.py``."""
import pytest
from mmseg.registry import DATASETS

from mmseg_dcc.datasets.plain_datasets import image_paths


def build(part, val_share=0.05, **kwargs):
    voc = dict(
        type='PascalVOCDataset',
        data_root='data/VOCdevkit/VOC2012',
        ann_file='ImageSets/Segmentation/train_aug.txt',
        data_prefix=dict(
            img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
        pipeline=[], **kwargs)
    return DATASETS.build(
        dict(
            type='PartOfDataset', part=part, val_share=val_share, dataset=voc))


@pytest.mark.parametrize('share, count', [(0.01, 1), (0.05, 1), (0.3, 3),
                                          (0.99, 9)])
def test_parts_never_meet_and_are_all(share, count, in_data_dir):
    held_out, trained_on = (
        build(part, share, lazy_init=part == 'val')
        for part in ('val', 'train'))
    assert type(held_out).__name__ == 'PascalVOCDataset'
    assert (len(held_out), len(trained_on)) == (count, 10 - count)
    paths = [image_paths(part) for part in (held_out, trained_on)]
    assert len(set.union(*paths)) == 10
    # the same in another run, and more where more are held out
    assert image_paths(build('val', share)) == paths[0]
    assert paths[0] <= image_paths(build('val', 0.99))


@pytest.mark.parametrize('part, share', [('test', 0.1), ('val', 0.),
                                         ('val', 1.)])
def test_bad_settings(part, share):
    with pytest.raises(ValueError, match=f'{part!r} and {share}'):
        build(part, share)


def test_one_image_is_not_divided(in_data_dir):
    with pytest.raises(ValueError, match='divide 1 image'):
        build('val', indices=1)
