import os
import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_dcc.datasets import FolderSegDataset
from mmseg_dcc.datasets.folder_seg_dataset import draw_of_name

CLASSES = ('background', 'object')


def add(root, name, mask=True):
    """Adds an image and a mask whose pixels encode the name."""
    value = sum(name.encode()) % 250
    path = root / 'images' / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 6, 3), value, np.uint8)).save(path)
    if mask:
        path = (root / 'masks' / name).with_suffix('.png')
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((4, 6), value, np.uint8)).save(path)


def build(root, **kwargs):
    return DATASETS.build(
        dict(
            type='FolderSegDataset',
            data_root=str(root),
            data_prefix=dict(img_path='images', seg_map_path='masks'),
            metainfo=dict(classes=CLASSES, palette=[]),
            **kwargs))


def names(dataset):
    return [
        dataset.get_data_info(i)['img_path'].rsplit('images/', 1)[1]
        for i in range(len(dataset))
    ]


def test_mixed_types_at_any_depth_with_their_masks(tmp_path):
    files = ['a.jpg', 'b.PNG', 'deep/a.bmp', 'deep/er/c.webp', 'd.tiff']
    for name in files:
        add(tmp_path, name)
    (tmp_path / 'images/notes.txt').touch()
    dataset = build(
        tmp_path,
        pipeline=[dict(type='LoadImageFromFile'),
                  dict(type='LoadAnnotations')])
    assert names(dataset) == sorted(files)
    for name, results in zip(names(dataset), dataset):
        assert (results['gt_seg_map'] == sum(name.encode()) % 250).all()


def test_equals_the_stock_data_set_where_that_works(tmp_path):
    for i in range(5):
        add(tmp_path, f'{i % 2}/{i}.jpg')
    config = dict(
        data_root=str(tmp_path),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        metainfo=dict(classes=CLASSES, palette=[]))
    stock, own = BaseSegDataset(**config), FolderSegDataset(**config)
    assert own.metainfo == stock.metainfo
    assert len(own) == len(stock) == 5
    for i in range(5):
        assert own.get_data_info(i) == stock.get_data_info(i)


@pytest.mark.parametrize('share, num_val', [(0.2, 2), (0.5, 5), (0.01, 1)])
def test_parts_are_a_partition(tmp_path, share, num_val):
    for i in range(11):
        add(tmp_path, f'{i:02d}.jpg')
    train, val = (
        names(build(tmp_path, part=part, val_share=share))
        for part in ('train', 'val'))
    assert len(val) == num_val
    assert sorted(train + val) == names(build(tmp_path))
    assert train == sorted(train)


def test_recorded_draws():
    """Another number would move the images of every user to another part.

    The value is the beginning of ``printf 00.jpg | sha256sum`` in binary.
    """
    assert draw_of_name('00.jpg') == 0x2ed998893aad / 2**48
    assert draw_of_name('deep/\u00e9.jpg') == 0xd0f1909e512f / 2**48


def test_about_the_share_is_drawn():
    drawn = [draw_of_name(f'{i:04d}.jpg') for i in range(4000)]
    for share in (0.1, 0.5, 0.9):
        count = sum(draw < share for draw in drawn)
        # within four standard deviations
        assert abs(count - 4000 * share) < 4 * (4000 * share * (1 - share))**.5


file_names = st.text(
    st.characters(exclude_characters='\0'), min_size=1).map('{}.jpg'.format)


def part_of(part, images, share):
    dataset = FolderSegDataset(
        part=part, val_share=share, lazy_init=True, metainfo=dict(classes=()))
    try:
        return set(dataset._names_of_part(sorted(images), 'images'))
    except ValueError as error:
        assert 'draws none' in str(error)
        return set()


@given(
    st.sets(file_names, min_size=1), st.sets(file_names),
    st.floats(0.01, 0.99))
def test_images_that_are_added_move_no_other(before, added, share):
    train, val = (part_of(part, before, share) for part in ('train', 'val'))
    assert train | val == before and not train & val
    assert train == part_of('train', before | added, share) & before
    assert val == part_of('val', before | added, share) & before


@given(st.lists(file_names, min_size=1))
def test_neither_separator_nor_form_of_accents_matters(parts):
    name = '/'.join(parts)
    draw = draw_of_name(name)
    assert 0 <= draw < 1
    for form in ('NFC', 'NFD'):
        assert draw_of_name(unicodedata.normalize(form, name)) == draw
    assert draw_of_name(name.replace('/', '\\')) == draw


@given(st.binary(min_size=1))
def test_names_that_cannot_be_decoded(name):
    assert 0 <= draw_of_name(os.fsdecode(name)) < 1


@given(
    st.sets(file_names, min_size=1), st.sampled_from(['train', 'val']))
def test_share_that_an_empty_part_is_told_draws_one(images, part):
    dataset = FolderSegDataset(
        part=part,
        val_share=1e-9 if part == 'val' else 1 - 1e-9,
        lazy_init=True,
        metainfo=dict(classes=()))
    with pytest.raises(ValueError, match='draws none') as error:
        dataset._names_of_part(sorted(images), 'images')
    share = float(re.search(r'val_share=([^ ]+) would', str(error.value))[1])
    drawn = part_of(part, images, share)
    # the two forms of one name
    assert len({unicodedata.normalize('NFC', name) for name in drawn}) == 1


def test_missing_masks_are_counted(tmp_path):
    for i in range(4):
        add(tmp_path, f'{i}.jpg', mask=i > 1)
    (tmp_path / 'masks').mkdir(exist_ok=True)
    with pytest.raises(
            FileNotFoundError,
            match=r"2 of 4 labeled images have no mask.*masks/0\.png'"):
        build(tmp_path)


def test_masks_that_no_transform_loads_may_be_missing(tmp_path):
    add(tmp_path, 'a.jpg')
    add(tmp_path, 'b.jpg', mask=False)
    image, mask = dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')
    dataset = build(tmp_path, pipeline=[image])
    assert names(dataset) == ['a.jpg', 'b.jpg']
    assert dataset[1]['seg_map_path'].endswith('masks/b.png')
    augmentation = dict(type='TestTimeAug', transforms=[[mask]])
    with pytest.raises(FileNotFoundError, match='1 of 2 labeled images'):
        build(tmp_path, pipeline=[image, augmentation])


def test_missing_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match='img_path of the labeled'):
        build(tmp_path)
    add(tmp_path, 'a.jpg', mask=False)
    with pytest.raises(FileNotFoundError, match='seg_map_path of the labeled'):
        build(tmp_path)


@pytest.mark.parametrize('settings, message', [
    (dict(seg_map_sufix='.png'), "Do you mean 'seg_map_suffix'"),
    (dict(ann_file='list.txt'), "ann_file='list.txt' would have no effect"),
    (dict(img_suffix='.jpg'), "img_suffix='.jpg' would have no effect"),
    (dict(data_prefix=dict(img='images')), 'has no img_path'),
])
def test_settings_that_nothing_takes(settings, message, tmp_path):
    add(tmp_path, 'a.jpg')
    settings = dict(dict(
        data_root=str(tmp_path), metainfo=dict(classes=CLASSES),
        data_prefix=dict(img_path='images', seg_map_path='masks')), **settings)
    with pytest.raises((TypeError, ValueError), match=message):
        FolderSegDataset(**settings)


def test_masks_beside_the_images(tmp_path):
    add(tmp_path, 'a.jpg')
    add(tmp_path, 'a.png')
    with pytest.raises(
            ValueError, match="2 images in .* are named 'a'.*move the masks"):
        build(tmp_path)


def test_no_images(tmp_path):
    (tmp_path / 'images').mkdir()
    (tmp_path / 'masks').mkdir()
    with pytest.raises(ValueError, match='No labeled images in .*/images'):
        build(tmp_path)


def test_empty_part(tmp_path):
    add(tmp_path, '00.jpg')  # drawn 0.18
    add(tmp_path, '01.jpg')  # drawn 0.84
    with pytest.raises(
            ValueError,
            match=r"0\.1 draws none of the 2 .*images' for 'val'\. "
            r'val_share=0\.8 would'):
        build(tmp_path, part='val', val_share=0.1)
    with pytest.raises(ValueError, match="for 'train'. val_share=0.8 would"):
        build(tmp_path, part='train', val_share=0.9)
    assert names(build(tmp_path, part='val', val_share=0.8)) == ['00.jpg']


@pytest.mark.parametrize('wrong', [
    dict(part='test'),
    dict(val_share=0),
    dict(val_share=1.),
])
def test_wrong_arguments(tmp_path, wrong):
    with pytest.raises(ValueError, match='val_share between 0 and 1'):
        build(tmp_path, **wrong)
