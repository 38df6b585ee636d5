"""Tests of ``mmseg_dcc/datasets/mask_size_check.py``."""
import shutil

import numpy as np
import pytest
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_dcc.datasets import mask_size_check
from mmseg_dcc.datasets.mask_size_check import (
    refuse_unfit_masks,
    unfit_masks,
)
from tests.tiny_training import train

LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]


@pytest.fixture
def folder(tmp_path):
    """Four photos of 30 x 20 pixels with their masks."""
    for part in ('images', 'masks'):
        (tmp_path / part).mkdir()
    for name in 'abcd':
        save_image(tmp_path, name)
        save_mask(tmp_path, name, (30, 20))
    return tmp_path


def save_image(folder, name, orientation=None, suffix='jpg'):
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    Image.new('RGB', (30, 20)).save(
        folder / f'images/{name}.{suffix}', exif=exif)


def save_mask(folder, name, size):
    Image.fromarray(np.zeros(size[::-1], np.uint8)).save(
        folder / f'masks/{name}.png')


def dataset(folder, pipeline=LOAD):
    return DATASETS.build(
        dict(
            type='FolderSegDataset',
            data_root=str(folder),
            data_prefix=dict(img_path='images', seg_map_path='masks'),
            metainfo=dict(classes=('a', )),
            pipeline=pipeline))


def test_masks_that_fit(folder):
    assert unfit_masks(dataset(folder)) == []
    refuse_unfit_masks([dataset(folder)], (0, 1))


@pytest.mark.parametrize('size', [(30, 21), (31, 20), (60, 40)])
def test_other_sizes_are_named(size, folder):
    save_mask(folder, 'c', size)
    wrong, = unfit_masks(dataset(folder))
    assert 'c.png is {} x {} pixels, its image'.format(*size) in wrong
    assert 'c.jpg 30 x 20' in wrong and 'rotated' not in wrong
    with pytest.raises(ValueError, match='1 masks do not fit.*c.png'):
        refuse_unfit_masks([dataset(folder)], (0, 1))


@pytest.mark.parametrize('mode', ['RGB', 'RGBA', 'LA'])
def test_masks_of_several_channels(mode, folder):
    Image.new(mode, (30, 20)).save(folder / 'masks/b.png')
    with pytest.raises(ValueError, match=f'b.png has {len(mode)} channels'):
        refuse_unfit_masks([dataset(folder)], (0, 1))


@pytest.mark.parametrize('ids, fits', [
    ((0, 1), True), ((1, 255), True), ((0, 65535), True), ((0, 256), False),
    ((1, 1000), False)])
def test_masks_of_16_bits(ids, fits, folder):
    mask = np.full((20, 30), ids[0], np.uint16)
    mask[3:5] = ids[1]
    Image.fromarray(mask).save(folder / 'masks/b.png')
    found = unfit_masks(dataset(folder))
    if fits:
        assert found == []
    else:
        text, = found
        assert f'such as {ids[1]}, which mmseg would turn' in text
        assert f'turn into {ids[1] % 256}' in text


@pytest.mark.parametrize('mode', ['1', 'P'])
def test_other_masks_of_one_channel(mode, folder):
    Image.new(mode, (30, 20), 1).save(folder / 'masks/b.png')
    assert unfit_masks(dataset(folder)) == []


def test_turned_mask(folder):
    save_mask(folder, 'b', (20, 30))
    wrong, = unfit_masks(dataset(folder))
    assert 'EXIF' in wrong


@pytest.mark.parametrize('orientation', [1, 3, 6, 8])
def test_photos_that_are_turned_when_loaded(orientation, folder):
    save_image(folder, 'a', orientation)
    turned = orientation > 4
    assert len(unfit_masks(dataset(folder))) == turned
    save_mask(folder, 'a', (20, 30) if turned else (30, 20))
    assert unfit_masks(dataset(folder)) == []
    as_stored = [
        dict(type='LoadImageFromFile', color_type='color_ignore_orientation'),
        LOAD[1]
    ]
    assert len(unfit_masks(dataset(folder, as_stored))) == turned


def test_own_loaders_and_broken_files_are_left_alone(folder):
    save_mask(folder, 'c', (30, 21))
    assert unfit_masks(dataset(folder, LOAD[:1])) == []
    save_mask(folder, 'c', (30, 20))
    (folder / 'images/a.jpg').write_bytes(b'no picture')
    assert unfit_masks(dataset(folder)) == []


def test_processes_share_the_work(folder, monkeypatch):
    for name in 'abcd':
        save_mask(folder, name, (30, 21))
    parts = [unfit_masks(dataset(folder), (rank, 2)) for rank in range(2)]
    assert [len(part) for part in parts] == [2, 2]
    assert not set(parts[0]) & set(parts[1])
    monkeypatch.setattr(mask_size_check, 'MOST_CHECKED', 2)
    assert len(unfit_masks(dataset(folder))) == 2


def test_training_tells_before_the_first_iteration(data_dir, tmp_path,
                                                   monkeypatch):
    shutil.copytree(data_dir / 'data/demo', tmp_path / 'data/demo')
    monkeypatch.chdir(tmp_path)
    root = tmp_path / 'data/demo'
    name = (root / 'ImageSets/Segmentation/train_labeled.txt').read_text(
    ).split()[0]
    path = root / f'SegmentationClass/{name}.png'
    mask = Image.open(path)
    mask.crop((0, 0, mask.width, mask.height + 1)).save(path)
    with pytest.raises(ValueError, match=f'{name}.png is .* its image'):
        train(tmp_path / 'work')
