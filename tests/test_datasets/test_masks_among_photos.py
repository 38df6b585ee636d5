"""Tests of ``mmseg_dcc/datasets/masks_among_photos.py``."""
import numpy as np
import pytest
from PIL import Image

from mmseg_dcc.datasets import UnlabeledDataset
from mmseg_dcc.datasets.masks_among_photos import is_mask_of, masks_among

SIZE = (24, 32)  # height, width
COLORS = np.array([[0, 0, 0], [220, 20, 60], [0, 0, 142], [9, 9, 9]],
                  np.uint8)
RNG = np.random.default_rng(0)


def photo(gray=False):
    return Image.fromarray(
        RNG.integers(0, 255, SIZE if gray else (*SIZE, 3), np.uint8))


def ids():
    return RNG.integers(0, 4, (3, 4), np.uint8).repeat(8, 0).repeat(8, 1)


def gray_mask():
    return Image.fromarray(ids())


def palette_mask():
    mask = gray_mask()
    mask.putpalette(COLORS.tobytes())
    return mask


def color_mask():
    return Image.fromarray(COLORS[ids()])


def drawing():
    return Image.blend(photo(), color_mask(), 0.5)


def save(folder, **pictures):
    for name, picture in pictures.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)


def unlabeled(folder, **kwargs):
    dataset = UnlabeledDataset(
        data_root=str(folder), pipeline=[dict(type='LoadImageFromFile')],
        **kwargs)
    return dataset, {dataset.get_data_info(i)['img_path'][
        len(str(folder)) + 1:] for i in range(len(dataset))}


LAYOUTS = dict(
    # a folder an image, as labelme_json_to_dataset makes it
    labelme=lambda i: {
        f's{i}_json/img.png': photo(),
        f's{i}_json/label.png': palette_mask(),
        f's{i}_json/label_viz.png': drawing()},
    beside=lambda i: {
        f'images/deep/{i}.jpg': photo(), f'masks/deep/{i}.png': gray_mask()},
    inside=lambda i: {f'{i}.jpg': photo(), f'masks/{i}.png': gray_mask()},
    each_site=lambda i: {
        f'site{i}/images/1.jpg': photo(),
        f'site{i}/labels/1.png': gray_mask()},
    suffix=lambda i: {
        f'{i}.jpg': photo(), f'{i}_mask.png': gray_mask()},
    same_stem=lambda i: {f'{i}.jpg': photo(), f'{i}.png': palette_mask()},
    prefix=lambda i: {
        f'image_{i}.png': photo(), f'label_{i}.png': color_mask()},
    voc=lambda i: {
        f'JPEGImages/{i}.jpg': photo(),
        f'SegmentationClass/{i}.png': color_mask(),
        f'SegmentationClassVisualization/{i}.jpg': drawing()},
    cityscapes=lambda i: {
        f'leftImg8bit/train/ulm/ulm_{i}_000019_leftImg8bit.png': photo(),
        f'gtFine/train/ulm/ulm_{i}_000019_gtFine_labelIds.png': gray_mask(),
        f'gtFine/train/ulm/ulm_{i}_000019_gtFine_color.png':
            color_mask().convert('RGBA')},
    gray_photos=lambda i: {
        f'imgs/{i}.png': photo(gray=True), f'gt/{i}.png': gray_mask()},
)


@pytest.mark.parametrize('layout', LAYOUTS)
def test_left_out_and_told(layout, tmp_path, warnings_logged):
    first = []
    for i in range(4):
        pictures = LAYOUTS[layout](i)
        first.append(next(iter(pictures)))
        save(tmp_path, **pictures)
    dataset, names = unlabeled(tmp_path)
    assert names == set(first)
    warning, = warnings_logged()
    total = 4 * len(pictures)
    assert warning.startswith(f'{total - 4} of {total} images below')
    assert 'ann_file' in warning and str(tmp_path) in warning


PHOTOS = dict(
    views=lambda i: {f'left/{i}.png': photo(), f'right/{i}.png': photo()},
    scans=lambda i: {
        f'scan{i}/{slice}.png': photo(gray=True) for slice in range(3)},
    # the first slices of a scan are black
    dark=lambda i: {
        f'scan{i}/{slice}.png': Image.new('L', SIZE, 0) if slice < 2 else
        photo(gray=True) for slice in range(4)},
    depth=lambda i: {f'rgb/{i}.jpg': photo(), f'depth/{i}.png': photo(True)},
    formats=lambda i: {f'{i}.jpg': photo(), f'{i}.png': photo()},
    flat=lambda i: {
        f'{i}.jpg': Image.new('RGB', SIZE), f'b_{i}.png': Image.new(
            'RGB', SIZE)},
    named_like_masks=lambda i: {
        f'masks/{i}.png': photo(), f'faces/{i}.png': photo()},
    masks_alone=lambda i: {f'masks/{i}.png': gray_mask()},
    other_size=lambda i: {
        f'a/{i}.jpg': photo(), f'b/{i}.png': gray_mask().resize((9, 9))},
)


@pytest.mark.parametrize('layout', PHOTOS)
def test_photos_stay(layout, tmp_path, warnings_logged):
    expected = set()
    for i in range(4):
        pictures = PHOTOS[layout](i)
        expected.update(pictures)
        save(tmp_path, **pictures)
    assert unlabeled(tmp_path)[1] == expected
    assert not warnings_logged()


def test_one_photo_among_them_keeps_the_kind(tmp_path):
    for i in range(4):
        save(tmp_path, **LAYOUTS['beside'](i))
    save(tmp_path, **{'masks/deep/2.png': photo(gray=True)})
    assert len(unlabeled(tmp_path)[1]) == 8


def test_broken_files_do_not_decide(tmp_path):
    for i in range(4):
        save(tmp_path, **LAYOUTS['beside'](i))
    (tmp_path / 'images/deep/1.jpg').write_bytes(b'no picture')
    assert len(unlabeled(tmp_path)[1]) == 4


def test_lists_are_taken_as_they_are(tmp_path, warnings_logged):
    save(tmp_path, **LAYOUTS['beside'](0))
    (tmp_path / 'list.txt').write_text('masks/deep/0.png')
    assert unlabeled(tmp_path, ann_file='list.txt')[1] == {
        'masks/deep/0.png'}
    assert not warnings_logged()


@pytest.mark.parametrize('key', ['seg_map_path', 'weak_seg_map_path'])
def test_masks_of_the_data_set_itself(key, tmp_path, warnings_logged):
    """They are left out whatever they look like."""
    for i in range(2):
        save(tmp_path, **{
            f'{i}.png': photo(), f'masks/{i}.png': photo(gray=True)})
    _, names = unlabeled(
        tmp_path, data_prefix={'img_path': '', key: 'masks'})
    assert names == {'0.png', '1.png'}
    assert not warnings_logged()


def test_files_of_other_names_are_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, 'open', None)
    assert masks_among(str(tmp_path), [
        f'{folder}/{folder}{i}.png' for folder in 'ab' for i in range(9)
    ]) == {}


def test_pictures_that_cannot_be_read(tmp_path):
    (tmp_path / 'a.png').write_bytes(b'')
    save(tmp_path, **{'a.jpg': photo()})
    assert is_mask_of(
        str(tmp_path / 'a.png'), str(tmp_path / 'a.jpg')) is None
