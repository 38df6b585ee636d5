"""Tests of ``mmseg_dcc/datasets/transforms/paired_random_crop.py``."""
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.transforms import Compose
from mmseg.registry import TRANSFORMS
from torch.nn.functional import avg_pool2d

from mmseg_dcc.datasets.transforms import PairedRandomCrop
from mmseg_dcc.datasets.transforms.crop_geometry import feasible_offsets

PADDING = (255, 255, 255)


def unique_image(height, width):
    """Image of distinct pixel values, none of them that of the padding."""
    row, column = np.indices((height, width))
    return np.stack(
        [row % 256, column % 256, row // 256 * 8 + column // 256],
        axis=2).astype(np.uint8)


FLIP = dict(
    type='RandomFlip',
    prob=[0.25, 0.25, 0.25],
    direction=['horizontal', 'vertical', 'diagonal'])
FLIPPED_VIEWS = [
    dict(
        type='MultiView',
        views=dict(
            a=dict(window=0, transforms=[FLIP]),
            b=dict(window=1, transforms=[FLIP]))),
    dict(type='PackViews')
]


def run(image, crop, *others):
    transforms = [TRANSFORMS.build(transform) for transform in others]
    return Compose([crop, *transforms])(
        dict(img=image, img_shape=image.shape[:2]))


def windows(image, **kwargs):
    """The two windows of ``PairedRandomCrop(**kwargs)``."""
    kwargs.setdefault('pad_val', PADDING)
    return run(image, PairedRandomCrop(**kwargs))['windows']


@st.composite
def situations(draw):
    """Strategy of image size, crop size, stride, IoU range and seed."""
    stride = draw(st.sampled_from([1, 2, 3, 8, 16]))
    crop_size = tuple(stride * draw(st.integers(1, 6)) for _ in range(2))
    image_size = tuple(draw(st.integers(1, 300)) for _ in range(2))
    iou_range = draw(
        st.one_of(
            st.sampled_from([(0, 1), (1, 1), (0.1, 1), (0, 0.3)]),
            st.tuples(st.integers(0, 20), st.integers(0, 20)).map(
                lambda pair: tuple(n / 20 for n in sorted(pair)))))
    return image_size, crop_size, stride, iou_range, draw(
        st.integers(0, 2**32 - 1))


def draw_or_check_refusal(situation, *others):
    """Results of the pipeline, or None if it raises an error as it should."""
    image_size, crop_size, stride, iou_range, seed = situation
    for size in [tuple(9 * side for side in crop_size), image_size]:
        if not len(feasible_offsets(size, crop_size, iou_range, stride)):
            with pytest.raises(ValueError, match='iou_range'):
                windows(
                    unique_image(*image_size),
                    crop_size=crop_size,
                    iou_range=iou_range,
                    stride=stride)
            return None
    np.random.seed(seed)
    return run(
        unique_image(*image_size),
        PairedRandomCrop(crop_size, iou_range, stride, PADDING), *others)


def cut(image, box):
    top, left, bottom, right = box
    return image[top:bottom, left:right]


@settings(max_examples=200)
@given(situations())
def test_pair_fits_image_and_range(situation):
    image_size, crop_size, stride, iou_range, _ = situation
    results = draw_or_check_refusal(situation)
    if results is None:
        return
    padded = [max(sides) for sides in zip(image_size, crop_size)]
    boxes = np.array([window['info'].window for window in results['windows']])
    for box in boxes:
        assert (box[:2] >= 0).all() and (box[2:] <= padded).all()
        assert (box[2:] - box[:2] == crop_size).all()
    assert ((boxes[0] - boxes[1]) % stride == 0).all()
    sides = boxes[:, 2:].min(0) - boxes[:, :2].max(0)
    assert (sides > 0).all()
    shared = int(sides.prod())
    iou = Fraction(shared, 2 * crop_size[0] * crop_size[1] - shared)
    low, high = (Fraction(end).limit_denominator(20) for end in iou_range)
    assert low <= iou <= high
    assert results['img_shape'] == crop_size
    assert 'img' not in results


@settings(max_examples=200)
@given(situations())
def test_windows_show_what_their_infos_say(situation):
    image_size, crop_size, stride, _, _ = situation
    results = draw_or_check_refusal(situation)
    if results is None:
        return
    image = unique_image(*image_size)
    for window in results['windows']:
        assert window['img'].shape == (*crop_size, 3)
        shown = cut(image, window['info'].window)
        np.testing.assert_array_equal(
            window['img'][:shown.shape[0], :shown.shape[1]], shown)
        real = (window['img'] != PADDING).any(2)
        assert real.sum() == shown[..., 0].size
        np.testing.assert_array_equal(real, window['info'].valid_mask())
    first, second = (window['info'] for window in results['windows'])
    for window, box in zip(results['windows'], first.shared(second)):
        # features begin at these pixels
        assert box[0] % stride == box[1] % stride == 0
        # the overlap is never empty
        assert cut(window['img'], box).size


@settings(max_examples=150)
@given(situations())
def test_positions_of_both_maps_are_aligned(situation):
    *_, stride, _, _ = situation
    results = draw_or_check_refusal(situation, *FLIPPED_VIEWS)
    if results is None:
        return
    infos = results['data_samples'].metainfo['views'].values()
    first, second = infos
    features = avg_pool2d(results['inputs'].float(), stride)
    positions = [
        info.cut(info.upright(maps), box) for info, maps, box in zip(
            infos, features, first.shared(second))
    ]
    assert torch.equal(*positions)


def test_every_combination_of_flips_is_aligned():
    np.random.seed(0)
    crop = PairedRandomCrop((24, 16), stride=8)
    seen = set()
    for _ in range(200):
        results = run(unique_image(40, 37), crop, *FLIPPED_VIEWS)
        first, second = results['data_samples'].metainfo['views'].values()
        seen.add((first.flip, second.flip))
        maps = results['inputs']
        boxes = first.shared(second)
        assert torch.equal(
            first.cut(first.upright(maps[0]), boxes[0]),
            second.cut(second.upright(maps[1]), boxes[1]))
    assert len(seen) == 16


@pytest.mark.parametrize('iou_range', [(0, 1), (0.3, 0.8), (0, 0.2)])
def test_every_feasible_offset_is_equally_likely(iou_range):
    np.random.seed(0)
    sizes = (23, 30), (12, 12)
    wanted = set(
        map(tuple,
            feasible_offsets(*sizes, iou_range, 4).tolist()))
    crop = PairedRandomCrop(sizes[1], iou_range, 4)
    draws = 300 * len(wanted)
    counts = Counter()
    for _ in range(draws):
        first, second = crop.draw_corners(sizes[0])
        counts[second[0] - first[0], second[1] - first[1]] += 1
    assert set(counts) == wanted
    # chi squared: its mean is k - 1, its variance 2 (k - 1)
    statistic = sum((count - 300)**2 / 300 for count in counts.values())
    freedom = len(wanted) - 1
    assert statistic < freedom + 5 * (2 * freedom)**0.5


def test_windows_reach_every_edge():
    np.random.seed(0)
    crop = PairedRandomCrop((8, 8), stride=4)
    corners = np.array([crop.draw_corners((14, 11)) for _ in range(500)])
    assert corners.min((0, 1)).tolist() == [0, 0]
    assert corners.max((0, 1)).tolist() == [6, 3]
    # places are not limited to multiples of the stride
    assert set(corners[..., 0].ravel()) == set(range(7))


def test_equal_windows():
    first, second = windows(
        unique_image(90, 80), crop_size=(32, 32), iou_range=(1, 1))
    np.testing.assert_array_equal(first['img'], second['img'])
    assert first['info'] == second['info']


def test_too_small_image_is_refused_when_met():
    crop = PairedRandomCrop((32, 32), iou_range=(0.1, 0.5))
    message = r'iou_range=\(0.1, 0.5\) in an image of \(33, 33\)'
    with pytest.raises(ValueError, match=message):
        crop(dict(img=unique_image(33, 33)))


@pytest.mark.parametrize('kwargs, message', [
    (dict(crop_size=(32, 30)), r'crop_size=\(32, 30\).*stride=8'),
    (dict(crop_size=20), r'crop_size=\(20, 20\)'),
    (dict(crop_size=(0, 32)), 'crop_size'),
    (dict(crop_size=(-8, 32)), 'crop_size'),
    (dict(crop_size=32, stride=0), 'stride=0'),
    (dict(crop_size=32, iou_range=(0.9, 0.1)), 'iou_range.*0.9, 0.1'),
    (dict(crop_size=32, iou_range=(-0.1, 1)), 'iou_range'),
    (dict(crop_size=32, iou_range=(0.1, 1.1)), 'iou_range'),
    (dict(crop_size=32, iou_range=(0, 0)), 'Widen PairedRandomCrop.iou_range'),
    (dict(crop_size=32, iou_range=(0.98, 0.99)), 'iou_range'),
])
def test_wrong_arguments(kwargs, message):
    with pytest.raises(ValueError, match=message):
        PairedRandomCrop(**kwargs)


def test_one_number_stands_for_a_square():
    assert PairedRandomCrop(32).crop_size == (32, 32)


def test_lists_of_a_config_are_accepted():
    crop = TRANSFORMS.build(
        dict(
            type='PairedRandomCrop',
            crop_size=[32, 16],
            iou_range=[0.2, 1],
            pad_val=list(PADDING)))
    window = crop(dict(img=unique_image(9, 9)))['windows'][0]
    assert window['img'].shape == (32, 16, 3)
    assert repr(crop) == (
        'PairedRandomCrop(crop_size=(32, 16), iou_range=(0.2, 1), '
        'stride=8, pad_val=[255, 255, 255])')
