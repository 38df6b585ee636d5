"""Tests of ``mmseg_dcc/datasets/transforms/pack_views.py``."""
import numpy as np
import pytest
import torch
from mmseg.registry import TRANSFORMS
from mmseg.structures import SegDataSample

from mmseg_dcc.datasets.transforms import PackViews
from mmseg_dcc.structures import ViewInfo

FLIPS = (None, 'vertical', 'diagonal', 'horizontal')
NUMPY_AXES = dict(vertical=0, diagonal=(0, 1), horizontal=1)


def view(image, flip=None, **masks):
    box = (0, 0, *image.shape[:2])
    return dict(img=image, masks=masks, info=ViewInfo(box, box, flip))


@pytest.fixture
def results():
    """Four views of a random image, each with another flip."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (4, 6, 3), np.uint8)
    masks = dict(gt=image[..., 1], weak=image[..., 2].astype(np.int64))
    return dict(
        img_path='photo.jpg',
        ori_shape=(9, 9),
        img_shape=(4, 6),
        views={
            str(flip): view(
                np.flip(image, NUMPY_AXES[flip]) if flip else image, flip,
                **masks)
            for flip in FLIPS
        })


@pytest.mark.parametrize('dtype', ['uint8', 'float32'])
@pytest.mark.parametrize('shape', [(4, 6), (4, 6, 1), (4, 6, 3), (4, 6, 12)])
def test_channels_first_in_the_order_of_the_views(shape, dtype):
    images = np.random.default_rng(0).integers(0, 256, (3, *shape))
    images = images.astype(dtype)
    views = {name: view(image) for name, image in zip('bca', images)}
    packed = PackViews()(dict(views=views))
    assert packed['inputs'].dtype == getattr(torch, dtype)
    assert packed['inputs'].is_contiguous()
    assert list(packed['data_samples'].views) == ['b', 'c', 'a']
    expected = images.reshape(3, 4, 6, -1).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(packed['inputs'], expected)


def test_metainfo(results):
    sample = PackViews()(results)['data_samples']
    assert isinstance(sample, SegDataSample)
    assert sample.metainfo == dict(
        img_path='photo.jpg',
        ori_shape=(9, 9),
        img_shape=(4, 6),
        views={
            str(flip): ViewInfo((0, 0, 4, 6), (0, 0, 4, 6), flip)
            for flip in FLIPS
        })


def test_masks_are_flipped_as_the_views_are(results):
    packed = PackViews()(results)
    sample = packed['data_samples']
    assert sample.gt_sem_seg.data.dtype == torch.uint8
    assert sample.weak_sem_seg.data.dtype == torch.int64
    assert torch.equal(sample.gt_sem_seg.data, packed['inputs'][:, 1])
    assert torch.equal(sample.weak_sem_seg.data,
                       packed['inputs'][:, 2].long())


@pytest.mark.parametrize('kinds', [(), ('gt', ), ('weak', )])
def test_there_are_the_masks_that_were_there(results, kinds):
    for single in results['views'].values():
        single['masks'] = {kind: single['masks'][kind] for kind in kinds}
    sample = PackViews()(results)['data_samples']
    assert set(sample.keys()) == {f'{kind}_sem_seg' for kind in kinds}


def test_own_meta_keys(results):
    pack = TRANSFORMS.build(
        dict(type='PackViews', meta_keys=['img_path', 'not_there']))
    metainfo = pack(results)['data_samples'].metainfo
    assert set(metainfo) == {'img_path', 'views'}
    assert repr(pack) == "PackViews(meta_keys=('img_path', 'not_there'))"


def test_no_views():
    for results in (dict(img=np.zeros((4, 6, 3))), dict(views={})):
        with pytest.raises(ValueError, match='Put MultiView before it'):
            PackViews()(results)


@pytest.mark.parametrize('other', [
    np.zeros((4, 6, 1), np.uint8),
    np.zeros((4, 8, 3), np.uint8),
    np.zeros((4, 6, 3), np.float32),
])
def test_views_of_two_kinds_are_refused(results, other):
    results['views']['None']['img'] = other
    message = f"'None': .*{other.dtype}.*Give all MultiView.views"
    with pytest.raises(ValueError, match=message):
        PackViews()(results)
