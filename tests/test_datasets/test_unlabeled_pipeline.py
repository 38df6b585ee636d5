"""Tests of what keeps the unlabeled pipeline fast, without timing."""
import tracemalloc

import cv2
import numpy as np
import pytest
import torch
from mmseg.registry import TRANSFORMS
from PIL import Image

CROP_BYTES = 320 * 320 * 3
AUGMENT = [
    dict(
        type='RandomApply',
        transforms=[dict(type='FastPhotoMetricDistortion')],
        prob=0.8),
    dict(type='FastRandomGrayscale', prob=0.2),
    dict(type='RandomGaussianBlur', prob=0.5),
    dict(type='RandomFlip', prob=0.5),
]
# As in the fragment of DCC.
PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(
        type='RandomResize',
        resize_type='NonEmptyResize',
        scale=(400, 400),
        ratio_range=(0.8, 2.0),
        keep_ratio=True),
    dict(type='PairedRandomCrop', crop_size=(320, 320)),
    dict(
        type='MultiView',
        views=dict(
            a=dict(window=0, transforms=AUGMENT),
            b=dict(window=1, transforms=AUGMENT))),
    dict(type='PackViews'),
]


@pytest.fixture
def photo(tmp_path):
    coarse = np.random.default_rng(0).integers(0, 256, (25, 33, 3), np.uint8)
    path = tmp_path / 'photo.jpg'
    Image.fromarray(coarse).resize((500, 375)).save(path)
    return dict(img_path=str(path))


@pytest.fixture
def transforms():
    return [TRANSFORMS.build(transform) for transform in PIPELINE]


def load(transforms, photo):
    results = dict(photo)
    for transform in transforms:
        results = transform(results)
    return results


def peak_bytes(function):
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_pipeline_on_a_photo(transforms, photo):
    np.random.seed(0)
    for _ in range(5):
        packed = load(transforms, photo)
        assert packed['inputs'].shape == (2, 3, 320, 320)
        sample = packed['data_samples']
        assert sample.img_path == photo['img_path']
        assert sample.ori_shape == (375, 500)
        assert sample.img_shape == (320, 320)
        assert list(sample.views) == ['a', 'b']


def test_views_are_augmented_independently(transforms, photo):
    np.random.seed(0)
    transforms[2].iou_range = (1, 1)
    flips, equal_colours = set(), 0
    for _ in range(40):
        packed = load(transforms, photo)
        views = packed['data_samples'].views.values()
        flips.add(tuple(info.flip for info in views))
        first, second = (
            info.upright(image)
            for info, image in zip(views, packed['inputs']))
        equal_colours += torch.equal(first, second)
    assert flips == {(None, None), (None, 'horizontal'), ('horizontal', None),
                     ('horizontal', 'horizontal')}
    assert equal_colours <= 2


def test_an_image_is_decoded_once(transforms, photo, monkeypatch):
    decode, decoded = cv2.imdecode, []
    monkeypatch.setattr(
        cv2, 'imdecode', lambda *args: decoded.append(1) or decode(*args))
    for _ in range(3):
        load(transforms, photo)
    assert len(decoded) == 3


def test_bytes_leave_the_worker(transforms, photo):
    inputs = load(transforms, photo)['inputs']
    assert inputs.dtype == torch.uint8
    assert inputs.is_contiguous()


def test_no_step_of_the_augmentation_makes_floats(transforms, photo):
    np.random.seed(0)
    crop = load(transforms[:3], photo)['windows'][0]['img'].copy()
    for step in transforms[3].views['a'].transforms:
        for _ in range(30):
            found = dict(img=crop)
            peak = peak_bytes(lambda: step(found))  # noqa: B023
            assert found['img'].dtype == np.uint8
            # one copy in float32 takes four times the bytes
            assert peak < 4 * CROP_BYTES, step


def test_views_take_one_copy_each(transforms, photo):
    np.random.seed(0)
    results = load(transforms[:2], photo)
    for view in transforms[3].views.values():
        view.transforms[:] = [view.transforms[-1]]  # RandomFlip
    peak = peak_bytes(lambda: load(transforms[2:4], results))
    assert 2 * CROP_BYTES <= peak < 2.5 * CROP_BYTES


def test_flipped_views_are_packed_in_one_copy(transforms, photo):
    np.random.seed(0)
    flipped = 0
    for _ in range(10):
        results = load(transforms[:-1], photo)
        for view in results['views'].values():
            # shares memory: nothing was copied for the flip
            assert (view['img'].strides[1] < 0) == bool(view['info'].flip)
            flipped += bool(view['info'].flip)
        peak = peak_bytes(lambda: transforms[-1](results))  # noqa: B023
        assert 2 * CROP_BYTES <= peak < 2.5 * CROP_BYTES
    assert flipped
