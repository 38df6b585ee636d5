"""Tests of warnings on sizes with another orientation than the images."""
import numpy as np
import pytest
from mmengine.config import Config
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_dcc.apis.check_dataset import check_dataset
from mmseg_dcc.datasets.plain_datasets import plain_datasets
from mmseg_dcc.datasets.size_order_check import (
    swapped_sizes,
    warn_of_swapped_sizes,
)
from tests import tiny_data
from tests.own_config import write_own_config

WIDE, HIGH, SQUARE = (96, 128), (128, 96), (96, 96)  # height, width


def dataset(*steps):
    return DATASETS.build(dict(
        type='BaseSegDataset', lazy_init=True, ann_file='list.txt',
        pipeline=list(steps)))


def crop(high, wide, kind='RandomCrop'):
    return dict(type=kind, crop_size=(high, wide))


@pytest.mark.parametrize('sizes, step, told', [
    ([WIDE] * 9 + [HIGH], crop(64, 32), 'wider than high, but RandomCrop.cro'),
    ([HIGH] * 9 + [SQUARE], crop(32, 64), 'higher than wide, but RandomCrop'),
    ([WIDE], crop(64, 32, 'PairedRandomCrop'), 'PairedRandomCrop.crop_size'),
    ([WIDE], crop(64, 32, 'SharedRandomCrop'), 'SharedRandomCrop.crop_size'),
    ([WIDE], dict(type='Resize', scale=(96, 128), keep_ratio=False),
     r'Resize.scale=\(96, 128\), which means \(width, height\)'),
    ([WIDE], dict(type='RandomResize', scale=(96, 128), keep_ratio=False,
                  ratio_range=(0.5, 2.)), 'RandomResize.scale'),
    # only the longer and the shorter number count
    ([WIDE], dict(type='Resize', scale=(96, 128), keep_ratio=True), None),
    ([WIDE], dict(type='RandomResize', scale=(96, 128), keep_ratio=True,
                  ratio_range=(0.5, 2.)), None),
    ([WIDE], crop(32, 64), None),
    ([WIDE], crop(64, 64), None),
    ([WIDE] * 7 + [HIGH] * 3, crop(64, 32), None),
    ([SQUARE], crop(64, 32), None),
    ([], crop(64, 32), None),
])
def test_orientation(sizes, step, told):
    found = swapped_sizes(dataset(step), sizes)
    assert len(found) == (told is not None)
    if told:
        with pytest.raises(ValueError, match=told):
            raise ValueError(found[0])


@pytest.fixture
def own(tmp_path):
    tiny_data.make_own(tmp_path / 'own')  # 128 wide, 96 high
    return tmp_path / 'own'


def own_config(own, crop_size):
    return Config.fromfile(str(write_own_config(
        own.parent / 'configs', data_root=str(own), image_size=(128, 96),
        crop_size=crop_size)))


@pytest.mark.parametrize('crop_size, told', [((64, 32), 0), ((32, 64), 2)])
def test_own_data_takes_width_and_height(own, crop_size, told,
                                         warnings_logged):
    """The order of all sizes is the same, and mmcv's is derived from it."""
    cfg = own_config(own, crop_size)
    whole = DATASETS.build(cfg.train_dataloader.dataset)
    parts = plain_datasets(whole)
    width, height = crop_size
    results = parts[0][0]
    assert results['inputs'].shape[1:] == (height, width)
    assert parts[1][0]['inputs'].shape[2:] == (height, width)
    assert cfg.model.data_preprocessor.size == (height, width)
    warn_of_swapped_sizes(parts)
    assert len([text for text in warnings_logged()
                if 'swap the two numbers' in text]) == told
    checks = [found['check'] for found in check_dataset(cfg)['findings']]
    assert checks.count('size_order') == told


def test_photos_that_exif_turns_count_as_they_are_seen(own, warnings_logged):
    upright = Image.Exif()
    upright[0x0112] = 6
    for path in (own / 'unlabeled').rglob('*.*'):
        path.unlink()
    for number in range(3):
        Image.fromarray(np.zeros((96, 128, 3), np.uint8)).save(
            own / f'unlabeled/{number}.jpg', exif=upright)
    photos = plain_datasets(DATASETS.build(
        own_config(own, (32, 64)).train_dataloader.dataset))[1]
    warn_of_swapped_sizes([photos])
    assert not [text for text in warnings_logged() if 'swap' in text]
