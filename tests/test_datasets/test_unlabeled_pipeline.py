"""What keeps the fragment's unlabeled pipeline fast, without a clock."""
import tracemalloc

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.registry import TRANSFORMS
from PIL import Image

from tests.conftest import ROOT

CROP_BYTES = 320 * 320 * 3


@pytest.fixture
def photo(tmp_path):
    coarse = np.random.default_rng(0).integers(0, 256, (25, 33, 3), np.uint8)
    path = tmp_path / 'photo.jpg'
    Image.fromarray(coarse).resize((500, 375)).save(path)
    return dict(img_path=str(path))


@pytest.fixture
def transforms():
    config = Config.fromfile(ROOT / 'configs/_base_/dcc.py')
    return [
        TRANSFORMS.build(transform)
        for transform in config.dcc_unlabeled_pipeline
    ]


def load(transforms, photo):
    results = dict(photo)
    for transform in transforms:
        results = transform(results)
    return results


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
    crop = load(transforms[:3], photo)['img'][0]
    assert crop.nbytes == CROP_BYTES
    for step in transforms[3].transforms.transforms:
        for _ in range(30):
            tracemalloc.start()
            image = step(dict(img=crop))['img']
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert image.dtype == np.uint8
            # one copy in float32 takes four times the bytes
            assert peak < 4 * CROP_BYTES, step


def test_packing_a_flipped_pair_takes_one_copy(transforms, photo):
    np.random.seed(0)
    results = load(transforms[:3], photo)
    results['img'] = [np.flip(crop, 1) for crop in results['img']]
    tracemalloc.start()
    transforms[-1](results)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 2 * CROP_BYTES <= peak < 2.5 * CROP_BYTES


def test_flipped_crops_are_packed_without_a_copy_before(transforms, photo):
    np.random.seed(0)
    flipped = 0
    for _ in range(10):
        results = load(transforms[:-1], photo)
        for crop, flip in zip(results['img'], results['flip']):
            assert (crop.strides[1] < 0) == flip
            flipped += flip
    assert flipped
