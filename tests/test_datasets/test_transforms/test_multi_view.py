"""Tests of ``mmseg_dcc/datasets/transforms/multi_view.py``."""
import numpy as np
import pytest
from mmseg.registry import TRANSFORMS

from mmseg_dcc.datasets.transforms import (
    MultiView,
    PairedRandomCrop,
    SharedRandomCrop,
)

DIRECTIONS = ['horizontal', 'vertical', 'diagonal']


@pytest.fixture
def results():
    """Results of an image with a mask, cut into two windows."""
    np.random.seed(0)
    image = np.random.randint(0, 256, (40, 50, 3)).astype(np.uint8)
    return PairedRandomCrop((24, 16))(
        dict(
            img=image,
            img_path='photo.jpg',
            ori_shape=(20, 25),
            img_shape=(40, 50),
            scale_factor=(2., 2.),
            flip=True,
            flip_direction='horizontal',
            seg_fields=['gt_seg_map'],
            gt_bboxes=np.zeros((1, 4)),
            gt_seg_map=image[..., 0]))


def flip(direction, prob=1.):
    return dict(type='RandomFlip', prob=prob, direction=direction)


def test_views_show_their_windows(results):
    views = MultiView(
        dict(a=[], b=dict(window=1, transforms=[]), c=dict()))(
            results)['views']
    assert list(views) == ['a', 'b', 'c']
    for view, number in zip(views.values(), (0, 1, 0)):
        window = results['windows'][number]
        np.testing.assert_array_equal(view['img'], window['img'])
        assert view['info'] == window['info']
        assert view['masks'] is window['masks']


def test_transforms_find_a_stock_image(results):
    found = []
    MultiView(dict(a=[lambda seen: found.append(dict(seen)) or seen]))(results)
    image = found[0].pop('img')
    np.testing.assert_array_equal(image, results['windows'][0]['img'])
    assert found == [
        dict(
            img_path='photo.jpg',
            ori_shape=(20, 25),
            img_shape=(24, 16),
            scale_factor=(2., 2.),
            seg_fields=[],
            flip=False,
            flip_direction=None)
    ]


def test_views_may_be_written_in_place(results):

    def blacken(seen):
        seen['img'][:] = 0
        seen['img_path'] = 'changed'
        seen['seg_fields'].append('changed')
        return seen

    kept = results['windows'][0]['img'].copy()
    views = MultiView(dict(a=[blacken], b=[]))(results)['views']
    assert not views['a']['img'].any()
    np.testing.assert_array_equal(views['b']['img'], kept)
    np.testing.assert_array_equal(results['windows'][0]['img'], kept)
    assert results['img_path'] == 'photo.jpg'
    assert results['seg_fields'] == ['gt_seg_map']


@pytest.mark.parametrize('direction', DIRECTIONS)
def test_recorded_flip_reaches_the_info_and_not_the_masks(results, direction):
    axes = dict(horizontal=1, vertical=0, diagonal=(0, 1))[direction]
    view = MultiView(dict(a=[flip(direction)]))(results)['views']['a']
    window = results['windows'][0]
    assert view['info'] == window['info'].flipped(direction)
    np.testing.assert_array_equal(view['img'], np.flip(window['img'], axes))
    np.testing.assert_array_equal(view['masks']['gt'],
                                  window['img'][..., 0])


def test_flip_of_the_whole_image_is_none_of_a_view(results):
    views = MultiView(dict(a=[], b=[flip('vertical', 0.)]))(results)['views']
    assert [view['info'].flip for view in views.values()] == [None, None]


def test_views_draw_on_their_own(results):
    np.random.seed(0)
    views = MultiView({
        name: dict(window=0, transforms=[flip(DIRECTIONS, [0.25] * 3)])
        for name in 'ab'
    })
    seen = {
        tuple(view['info'].flip for view in views(results)['views'].values())
        for _ in range(200)
    }
    assert len(seen) == 16


def test_sample_is_dropped_with_one_view(results):
    after = []
    views = MultiView(
        dict(a=[], b=[lambda seen: None, after.append], c=[after.append]))
    assert views(results) is None
    assert not after


def test_window_that_is_not_there(results):
    results = dict(SharedRandomCrop(8)(dict(img=np.zeros((9, 9), np.uint8))))
    views = MultiView(dict(a=[], b=dict(window=1)))
    with pytest.raises(ValueError, match='views.b shows window 1.* cuts 1'):
        views(results)
    with pytest.raises(ValueError, match='views.a shows window 0.* cuts 0'):
        views(dict(img=np.zeros((9, 9), np.uint8)))


def test_view_of_another_size_is_refused(results):
    views = MultiView(dict(a=[], b=[dict(type='Resize', scale=(8, 8))]))
    message = r"view 'b' .* \(8, 8\) px, its window has \(24, 16\)"
    with pytest.raises(ValueError, match=message):
        views(results)


@pytest.mark.parametrize('views, message', [
    ({}, 'one view or more'),
    ([], 'one view or more'),
    ([dict(type='RandomFlip')], 'one view or more'),
    (dict(a=None), 'views.a must be a list'),
    (dict(a=dict(type='RandomFlip')), 'views.a must be a list'),
    (dict(a=dict(windows=1)), 'views.a must be a list'),
    (dict(a=dict(window=-1)), 'views.a.window must be'),
    (dict(a=dict(window='first')), 'views.a.window must be'),
])
def test_wrong_views(views, message):
    with pytest.raises(ValueError, match=message):
        MultiView(views)


def test_built_from_a_config(results):
    views = TRANSFORMS.build(
        dict(
            type='MultiView',
            views=dict(
                weak=[],
                strong=dict(window=1, transforms=[flip('horizontal')]))))
    assert views(results)['views']['strong']['info'].flip == 'horizontal'
    assert repr(views) == (
        'MultiView(weak=(window=0, transforms=[]), strong=(window=1, '
        'transforms=[RandomFlip(prob=1.0, direction=horizontal)]))')
