"""Tests of ``mmseg_dcc/datasets/transforms/paired_random_crop.py``."""
from collections import Counter
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmcv.transforms import Compose
from mmengine.config import Config
from mmseg.registry import TRANSFORMS
from torch.nn.functional import avg_pool2d

from mmseg_dcc.datasets.transforms import PairedRandomCrop
from mmseg_dcc.datasets.transforms.crop_geometry import feasible_offsets
from mmseg_dcc.models.overlap import cut_boxes, undo_flips

FRAGMENT = Path(__file__).parents[3] / 'configs' / '_base_' / 'dcc.py'
FLIP_AXES = {None: (), 'horizontal': (1, ), 'vertical': (0, ),
             'diagonal': (0, 1)}
PADDING = (255, 255, 255)


def unique_image(height, width):
    """Image whose every pixel is another one, and none is the padding."""
    row, column = np.indices((height, width))
    return np.stack(
        [row % 256, column % 256, row // 256 * 8 + column // 256],
        axis=2).astype(np.uint8)


def broadcast(*transforms):
    return dict(
        type='TransformBroadcaster',
        mapping=dict(img='img', flip='flip', flip_direction='flip_direction'),
        auto_remap=True,
        transforms=list(transforms))


FLIP = dict(
    type='RandomFlip',
    prob=[0.25, 0.25, 0.25],
    direction=['horizontal', 'vertical', 'diagonal'])


def run(image, crop, *others):
    transforms = [TRANSFORMS.build(transform) for transform in others]
    return Compose([crop, *transforms])(
        dict(img=image, img_shape=image.shape[:2]))


def pair(image, **kwargs):
    kwargs.setdefault('pad_val', PADDING)
    return run(image, PairedRandomCrop(**kwargs))


@st.composite
def situations(draw):
    """Image size, crop size, stride, range of the IoU and a seed."""
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
    """Results of the pipeline, or None if it is right to refuse."""
    image_size, crop_size, stride, iou_range, seed = situation
    for size in [tuple(9 * side for side in crop_size), image_size]:
        if not len(feasible_offsets(size, crop_size, iou_range, stride)):
            with pytest.raises(ValueError, match='iou_range'):
                pair(
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


@settings(deadline=None, max_examples=200)
@given(situations())
def test_pair_fits_image_and_range(situation):
    image_size, crop_size, stride, iou_range, _ = situation
    results = draw_or_check_refusal(situation)
    if results is None:
        return
    padded = [max(sides) for sides in zip(image_size, crop_size)]
    boxes = np.array(results['crop_boxes'])
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
    assert [crop.shape[:2] for crop in results['img']] == [crop_size] * 2


@settings(deadline=None, max_examples=200)
@given(situations())
def test_overlap_shows_the_same_pixels(situation):
    image_size, _, stride, _, _ = situation
    results = draw_or_check_refusal(situation, broadcast(FLIP))
    if results is None:
        return
    image = unique_image(*image_size)
    crops = [
        np.flip(crop, FLIP_AXES[direction])
        for crop, direction in zip(results['img'], results['flip_direction'])
    ]
    assert results['flip'] == [
        direction is not None for direction in results['flip_direction']
    ]
    for crop, window, valid, overlap in zip(crops, results['crop_boxes'],
                                            results['valid_boxes'],
                                            results['overlap_boxes']):
        assert all(edge % stride == 0 for edge in (*valid, *overlap))
        assert 0 <= overlap[0] and 0 <= overlap[1]
        assert overlap[2] <= valid[2] and overlap[3] <= valid[3]
        shown = cut(image, window)
        np.testing.assert_array_equal(crop[:shown.shape[0], :shown.shape[1]],
                                      shown)
        real = (crop != PADDING).any(2)
        assert real.sum() == shown[..., 0].size
        assert cut(real, valid).all()
        # only rests smaller than one position are left out
        assert real[:, valid[3]:].any(0).sum() < stride
        assert real[valid[2]:].any(1).sum() < stride
    first, second = map(cut, crops, results['overlap_boxes'])
    np.testing.assert_array_equal(first, second)
    if min(image_size) >= stride:
        assert first.size


@settings(deadline=None, max_examples=150)
@given(situations())
def test_positions_of_both_maps_are_aligned(situation):
    *_, stride, _, _ = situation
    results = draw_or_check_refusal(situation, broadcast(FLIP),
                                    dict(type='PackPairedSegInputs'))
    if results is None:
        return
    metainfo = results['data_samples'].metainfo
    features = avg_pool2d(results['inputs'].float(), stride)
    maps = undo_flips(features, metainfo['flips'])
    first, second = (
        cut_boxes(maps[i:i + 1], metainfo['overlap_boxes'][i:i + 1], stride)
        for i in range(2))
    assert torch.equal(first, second)


def test_every_combination_of_flips_is_aligned():
    np.random.seed(0)
    crop = PairedRandomCrop((24, 16), stride=8)
    seen = set()
    for _ in range(200):
        results = run(
            unique_image(40, 37), crop, broadcast(FLIP),
            dict(type='PackPairedSegInputs'))
        metainfo = results['data_samples'].metainfo
        seen.add(tuple(metainfo['flips']))
        maps = undo_flips(results['inputs'].float(), metainfo['flips'])
        first, second = (
            cut_boxes(maps[i:i + 1], metainfo['overlap_boxes'][i:i + 1], 1)
            for i in range(2))
        assert torch.equal(first, second)
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


def test_equal_crops():
    first, second = pair(
        unique_image(90, 80), crop_size=(32, 32), iou_range=(1, 1))['img']
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize('image_size', [(90, 80), (32, 32), (20, 90)])
def test_crops_are_copies(image_size):
    image = unique_image(*image_size)
    original = image.copy()
    first, second = pair(
        image, crop_size=(32, 32), iou_range=(1, 1))['img']
    kept = second.copy()
    first[:] = 77
    np.testing.assert_array_equal(second, kept)
    np.testing.assert_array_equal(image, original)


def test_small_image_is_padded_below_and_on_the_right():
    results = pair(unique_image(10, 19), crop_size=(16, 16), pad_val=(7, 8, 9))
    for crop, window in zip(results['img'], results['crop_boxes']):
        np.testing.assert_array_equal(crop[10:], np.full((6, 16, 3),
                                                         (7, 8, 9)))
        np.testing.assert_array_equal(
            crop[:10], cut(unique_image(10, 19), window))
    assert results['valid_boxes'] == [(0, 0, 8, 16)] * 2


def test_image_of_one_pixel_has_no_overlap():
    results = pair(unique_image(1, 1), crop_size=16)
    assert results['overlap_boxes'] == results['valid_boxes']
    assert results['overlap_boxes'] == [(0, 0, 0, 0)] * 2


def test_grey_image_with_one_padding_value():
    image = np.zeros((10, 10), np.uint8)
    results = pair(image, crop_size=16, pad_val=5)
    assert [crop[15, 15] for crop in results['img']] == [5, 5]


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
    assert crop(dict(img=unique_image(9, 9)))['img'][0].shape == (32, 16, 3)
    assert repr(crop) == (
        'PairedRandomCrop(crop_size=(32, 16), iou_range=(0.2, 1), '
        'stride=8, pad_val=[255, 255, 255])')


@pytest.fixture(scope='module')
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp('photo') / 'photo.jpg'
    noise = np.random.default_rng(0).integers(0, 256, (25, 33, 3), np.uint8)
    cv2.imwrite(str(path), cv2.resize(noise, (500, 375)))
    return str(path)


def unlabeled_pipeline(**crop_changes):
    pipeline = Config.fromfile(FRAGMENT).dcc_unlabeled_pipeline
    for transform in pipeline:
        if transform.type == 'PairedRandomCrop':
            transform.update(crop_changes)
    return Compose([TRANSFORMS.build(transform) for transform in pipeline])


def test_pipeline_of_the_fragment_on_a_photo(photo):
    np.random.seed(0)
    pipeline = unlabeled_pipeline()
    for _ in range(5):
        packed = pipeline(dict(img_path=photo))
        assert packed['inputs'].shape == (2, 3, 320, 320)
        assert packed['inputs'].dtype == torch.uint8
        metainfo = packed['data_samples'].metainfo
        assert metainfo['img_path'] == photo
        assert metainfo['ori_shape'] == (375, 500)
        assert metainfo['img_shape'] == (320, 320)
        assert set(metainfo['flips']) <= {None, 'horizontal'}


def test_crops_of_the_fragment_are_augmented_independently(photo):
    np.random.seed(0)
    pipeline = unlabeled_pipeline(iou_range=(1, 1))
    flips, equal_colours = set(), 0
    for _ in range(40):
        packed = pipeline(dict(img_path=photo))
        metainfo = packed['data_samples'].metainfo
        flips.add(tuple(metainfo['flips']))
        first, second = undo_flips(packed['inputs'], metainfo['flips'])
        equal_colours += torch.equal(first, second)
    assert {(None, 'horizontal'), ('horizontal', None)} <= flips
    assert equal_colours <= 2
