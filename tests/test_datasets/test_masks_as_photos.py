"""Tests of ``mmseg_dcc/datasets/masks_as_photos.py``."""
import shutil

import numpy as np
import pytest
from mmseg.datasets import BaseSegDataset
from PIL import Image

from mmseg_dcc.datasets import UnlabeledDataset
from mmseg_dcc.datasets.masks_as_photos import refuse_masks_as_photos
from tests.tiny_training import train

LOAD = [dict(type='LoadImageFromFile')]


@pytest.fixture
def folder(tmp_path):
    """Two labeled images with masks, two photos."""
    rng = np.random.default_rng(0)
    for name in ('labeled/images/a', 'labeled/images/b', 'photos/c',
                 'photos/d'):
        path = tmp_path / f'{name}.jpg'
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(
            rng.integers(0, 255, (16, 16, 3), np.uint8)).save(path)
    (tmp_path / 'labeled/masks').mkdir()
    for name in 'ab':
        Image.fromarray(rng.integers(0, 3, (16, 16), np.uint8)).save(
            tmp_path / f'labeled/masks/{name}.png')
    return tmp_path


def check(folder, **unlabeled):
    labeled = BaseSegDataset(
        data_root=str(folder / 'labeled'),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        metainfo=dict(classes=tuple('abc')), pipeline=LOAD)
    photos = UnlabeledDataset(
        data_root=str(folder), pipeline=LOAD, **unlabeled)
    refuse_masks_as_photos([photos], [labeled])
    return len(photos)


def test_photos_and_labeled_images(folder, warnings_logged):
    assert check(folder, data_prefix=dict(img_path='photos')) == 2
    shutil.copytree(folder / 'labeled/images', folder / 'photos/more')
    assert check(folder, data_prefix=dict(img_path='photos')) == 4
    assert not warnings_logged()


@pytest.mark.parametrize('through_link', [False, True])
def test_the_masks_themselves(folder, through_link):
    prefix = 'labeled/masks'
    if through_link:
        (folder / 'link').symlink_to(folder / 'labeled')
        prefix = 'link/masks'
    with pytest.raises(ValueError, match=r'2 files.*a\.png.*a\.jpg.*prefix'):
        check(folder, data_prefix=dict(img_path=prefix))


def test_all_of_the_data_below_the_folder(folder):
    """Masks are left out, and the remaining images may be trained on."""
    assert check(folder) == 4


@pytest.mark.parametrize('listed', [False, True])
def test_copies(folder, listed):
    shutil.copy(folder / 'labeled/masks/a.png', folder / 'photos/a.png')
    if listed:
        (folder / 'list.txt').write_text('a.png\nc.jpg')
    with pytest.raises(ValueError, match=r'1 files.*photos/a\.png'):
        check(folder, data_prefix=dict(img_path='photos'),
              **(dict(ann_file='list.txt') if listed else {}))


def test_what_looks_like_a_mask(folder, warnings_logged):
    mask = Image.open(folder / 'labeled/masks/a.png')
    mask.point(lambda value: 80 * value).save(folder / 'photos/a.png')
    assert check(folder, data_prefix=dict(img_path='photos')) == 3
    warning, = warnings_logged()
    assert 'photos/a.png' in warning and 'by their content' in warning


def test_training_tells_before_the_first_iteration(in_data_dir, tmp_path):
    key = 'train_dataloader.dataset.datasets.1.'
    with pytest.raises(ValueError, match='4 files.*are masks of the labeled'):
        train(tmp_path, {
            f'{key}data_prefix.img_path': 'SegmentationClass',
            f'{key}img_suffix': '.png',
            f'{key}ann_file': 'ImageSets/Segmentation/train_labeled.txt'})
