import numpy as np
import pytest
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_dcc.datasets import FolderSegDataset

CLASSES = ('background', 'object')


def add(root, name, mask=True):
    """An image whose pixels tell its name, and the mask likewise."""
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


@pytest.mark.parametrize('share, num_val', [(0.2, 3), (0.5, 6), (0.01, 1)])
def test_parts_are_a_partition(tmp_path, share, num_val):
    for i in range(11):
        add(tmp_path, f'{i:02d}.jpg')
    train, val = (
        names(build(tmp_path, part=part, val_share=share))
        for part in ('train', 'val'))
    assert len(val) == num_val
    assert sorted(train + val) == names(build(tmp_path))
    assert train == sorted(train)


def test_more_images_hardly_change_the_parts(tmp_path):
    for i in range(40):
        add(tmp_path, f'{i:02d}.jpg')
    before = set(names(build(tmp_path, part='val', val_share=0.25)))
    # drawn at random, not the first or the last of the list
    assert before != {f'{i:02d}.jpg' for i in range(10)}
    assert before != {f'{i:02d}.jpg' for i in range(30, 40)}
    for i in range(40, 44):
        add(tmp_path, f'{i:02d}.jpg')
    after = set(names(build(tmp_path, part='val', val_share=0.25)))
    assert len(after) == 11
    assert len(before - after) <= 4


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
    add(tmp_path, 'a.jpg')
    with pytest.raises(ValueError, match="none of the 1 .* for 'train'"):
        build(tmp_path, part='train')


@pytest.mark.parametrize('wrong', [
    dict(part='test'),
    dict(val_share=0),
    dict(val_share=1.),
])
def test_wrong_arguments(tmp_path, wrong):
    with pytest.raises(ValueError, match='val_share between 0 and 1'):
        build(tmp_path, **wrong)
