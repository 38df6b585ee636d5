"""Tests of ``mmseg_dcc/datasets/transforms/pack_paired_seg_inputs.py``."""
import numpy as np
import pytest
import torch
from mmseg.registry import TRANSFORMS
from mmseg.structures import SegDataSample

from mmseg_dcc.datasets.transforms import PackPairedSegInputs


@pytest.fixture
def results():
    crops = np.random.default_rng(0).integers(0, 256, (2, 4, 6, 3), np.uint8)
    return dict(
        img=list(crops),
        img_path='photo.jpg',
        ori_shape=(9, 9),
        img_shape=(4, 6),
        overlap_boxes=[(0, 2, 4, 6), (0, 0, 4, 4)],
        valid_boxes=[(0, 0, 4, 6)] * 2,
        crop_boxes=[(0, 0, 4, 6), (0, 2, 4, 8)],
        flip=[True, False],
        flip_direction=['vertical', None])


def test_channels_first_and_crops_in_order(results):
    inputs = PackPairedSegInputs()(results)['inputs']
    assert inputs.dtype == torch.uint8
    assert inputs.shape == (2, 3, 4, 6)
    assert inputs.is_contiguous()
    for crop, image in zip(inputs, results['img']):
        np.testing.assert_array_equal(crop.permute(1, 2, 0), image)


def test_metainfo(results):
    sample = PackPairedSegInputs()(results)['data_samples']
    assert isinstance(sample, SegDataSample)
    assert sample.metainfo == dict(
        img_path='photo.jpg',
        ori_shape=(9, 9),
        img_shape=(4, 6),
        overlap_boxes=[(0, 2, 4, 6), (0, 0, 4, 4)],
        valid_boxes=[(0, 0, 4, 6)] * 2,
        crop_boxes=[(0, 0, 4, 6), (0, 2, 4, 8)],
        flips=['vertical', None])
    assert 'gt_sem_seg' not in sample


def test_direction_of_a_flip_that_was_not_done_does_not_count(results):
    results.update(flip=[False, False], flip_direction=['vertical'] * 2)
    sample = PackPairedSegInputs()(results)['data_samples']
    assert sample.flips == [None, None]


def test_own_meta_keys(results):
    pack = TRANSFORMS.build(
        dict(
            type='PackPairedSegInputs',
            meta_keys=['img_path', 'not_there']))
    metainfo = pack(results)['data_samples'].metainfo
    assert set(metainfo) == {
        'img_path', 'overlap_boxes', 'valid_boxes', 'flips'
    }
    assert repr(pack) == (
        "PackPairedSegInputs(meta_keys=('img_path', 'not_there'))")


def test_flipped_views_are_accepted(results):
    results['img'] = [np.flip(crop, 1) for crop in results['img']]
    inputs = PackPairedSegInputs()(results)['inputs']
    np.testing.assert_array_equal(inputs[0].permute(1, 2, 0),
                                  results['img'][0])


@pytest.mark.parametrize('wrong', [
    np.zeros((4, 6, 3), np.uint8),
    [np.zeros((4, 6, 3), np.uint8)],
    [np.zeros((4, 6, 3), np.uint8)] * 3,
])
def test_anything_but_a_pair_is_refused(results, wrong):
    with pytest.raises(ValueError, match='Put PairedRandomCrop before it'):
        PackPairedSegInputs()(dict(results, img=wrong))
