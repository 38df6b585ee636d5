"""Tests of ``mmseg_dcc/datasets/unlabeled_dataset.py``."""
import builtins
import logging
import os.path as osp
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, DefaultSampler, pseudo_collate
from mmengine.logging import MMLogger
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS
from PIL import Image
from torch.utils.data import DataLoader

from mmseg_dcc.datasets import MultiSourceBatchSampler, UnlabeledDataset

LOAD = dict(type='LoadImageFromFile')
# unlabeled images have none of these
IGNORED_KEYS = ['classes', 'palette', 'label_map', 'reduce_zero_label']


def write_image(path, value=0, size=(6, 4)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', size, (value, ) * 3).save(path)


def names(dataset):
    """Paths of the images below the image folder, in order."""
    folder = dataset.data_prefix['img_path']
    return [
        osp.relpath(dataset.get_data_info(i)['img_path'], folder)
        for i in range(len(dataset))
    ]


@pytest.fixture
def photos(tmp_path):
    for i, name in enumerate(
        ['b.jpg', 'a.png', 'trip/2/c.JPEG', 'trip/d.bmp', 'trip/e.TIFF']):
        write_image(tmp_path / name, value=10 * i)
    return tmp_path


def listed(folder, *lines, **kwargs):
    (folder / 'list.txt').write_text('\n'.join(lines))
    return UnlabeledDataset(
        data_root=str(folder), ann_file='list.txt', **kwargs)


@pytest.mark.parametrize('settings, message', [
    (dict(img_sufix='.jpg'), "Do you mean 'img_suffix'"),
    (dict(data_prefix=dict(img_paht='')), 'has no img_path'),
])
def test_settings_that_nothing_takes(settings, message, photos):
    with pytest.raises((TypeError, ValueError), match=message):
        UnlabeledDataset(data_root=str(photos), pipeline=[LOAD], **settings)


class TestFolder:

    def test_every_suffix_in_either_case(self, tmp_path):
        suffixes = ['jpg', 'jpeg', 'png', 'bmp', 'tif', 'tiff', 'webp']
        expected = []
        for suffix in suffixes:
            for variant in (suffix, suffix.upper(), suffix.capitalize()):
                expected.append(f'{len(expected):02d}.{variant}')
                write_image(tmp_path / expected[-1])
        dataset = UnlabeledDataset(data_root=str(tmp_path), pipeline=[LOAD])
        assert names(dataset) == expected
        for i in range(len(dataset)):
            assert dataset[i]['img'].shape == (4, 6, 3)
            assert dataset[i]['img_path'].endswith(expected[i])

    def test_any_depth_sorted(self, photos):
        assert names(UnlabeledDataset(data_root=str(photos))) == [
            'a.png', 'b.jpg', 'trip/2/c.JPEG', 'trip/d.bmp', 'trip/e.TIFF'
        ]

    def test_other_files_are_ignored(self, photos):
        before = names(UnlabeledDataset(data_root=str(photos)))
        for name in ('notes.txt', 'jpg', 'b.jpg.part', '.hidden.jpg',
                     'trip/._d.jpg', '.thumbnails/b.jpg',
                     'trip/.cache/2/c.png'):
            (photos / name).parent.mkdir(exist_ok=True, parents=True)
            (photos / name).write_bytes(b'')
        assert names(UnlabeledDataset(data_root=str(photos))) == before

    def test_hidden_folder_itself_may_be_the_root(self, tmp_path):
        write_image(tmp_path / '.data' / 'a.jpg')
        dataset = UnlabeledDataset(data_root=str(tmp_path / '.data'))
        assert names(dataset) == ['a.jpg']

    def test_folder_below_the_root(self, photos):
        dataset = UnlabeledDataset(
            data_root=str(photos), data_prefix=dict(img_path='trip'))
        assert names(dataset) == ['2/c.JPEG', 'd.bmp', 'e.TIFF']

    def test_missing_folder(self, tmp_path):
        with pytest.raises(FileNotFoundError, match='nowhere.*data_root'):
            UnlabeledDataset(data_root=str(tmp_path / 'nowhere'))

    def test_folder_without_images(self, tmp_path):
        (tmp_path / 'notes.txt').write_text('none')
        with pytest.raises(ValueError, match=r'No unlabeled images.*\.webp'):
            UnlabeledDataset(data_root=str(tmp_path))


class TestList:

    def test_stems_of_any_type_in_the_order_of_the_list(self, photos):
        assert names(listed(photos, 'trip/2/c', 'a', 'b')) == [
            'trip/2/c.JPEG', 'a.png', 'b.jpg'
        ]

    def test_names_with_suffix(self, photos):
        assert names(listed(photos, 'trip/e.TIFF',
                            'b.jpg')) == ['trip/e.TIFF', 'b.jpg']

    def test_stems_and_names_mixed(self, photos):
        assert names(listed(photos, 'trip/e', 'b.jpg')) == [
            'trip/e.TIFF', 'b.jpg'
        ]

    def test_dots_in_stems(self, tmp_path):
        write_image(tmp_path / 'a.b.jpg')
        assert names(listed(tmp_path, 'a.b')) == ['a.b.jpg']

    def test_img_suffix(self, tmp_path):
        write_image(tmp_path / 'ulm/1_leftImg8bit.png')
        dataset = listed(tmp_path, 'ulm/1', img_suffix='_leftImg8bit.png')
        assert names(dataset) == ['ulm/1_leftImg8bit.png']

    def test_blank_lines_and_spaces(self, photos):
        assert names(listed(photos, '', ' a ', '', 'b\r', '\t', '')) == [
            'a.png', 'b.jpg'
        ]

    def test_stem_of_two_files_is_refused(self, photos):
        write_image(photos / 'b.png')
        with pytest.raises(
                ValueError, match=r"'b'.*\['b.jpg', 'b.png'\].*img_suffix"):
            listed(photos, 'b')
        assert names(listed(photos, 'b', img_suffix='.jpg')) == ['b.jpg']
        assert names(listed(photos, 'a', 'b.png')) == ['a.png', 'b.png']

    @pytest.mark.parametrize('kwargs, first', [
        ({}, 'y'),
        (dict(img_suffix='.jpg'), 'y.jpg'),
    ])
    def test_missing_images_are_counted(self, photos, kwargs, first):
        with pytest.raises(
                FileNotFoundError, match=f'2 of 3 images.*{first!r}'):
            listed(photos, 'b', 'y', 'z', **kwargs)

    def test_missing_list(self, photos):
        with pytest.raises(FileNotFoundError, match=r'no\.txt.*make_splits'):
            UnlabeledDataset(data_root=str(photos), ann_file='no.txt')

    def test_empty_list(self, photos):
        with pytest.raises(ValueError, match=r'No unlabeled.*list\.txt'):
            listed(photos, '', ' ')


@pytest.fixture
def voc(tmp_path):
    """Tiny VOC: two labeled and three unlabeled images without masks."""
    lists = tmp_path / 'ImageSets/Segmentation'
    lists.mkdir(parents=True)
    for i in range(5):
        write_image(tmp_path / f'JPEGImages/{i}.jpg', value=i)
    (tmp_path / 'SegmentationClass').mkdir()
    for i in range(2):
        Image.fromarray(np.full((4, 6), i, np.uint8)).save(
            tmp_path / f'SegmentationClass/{i}.png')
    (lists / 'labeled.txt').write_text('0\n1\n')
    (lists / 'unlabeled.txt').write_text('2\n3\n4\n')
    return tmp_path


def voc_parts(root):
    common = dict(data_root=str(root))
    return [
        dict(
            type='PascalVOCDataset',
            ann_file='ImageSets/Segmentation/labeled.txt',
            data_prefix=dict(
                img_path='JPEGImages', seg_map_path='SegmentationClass'),
            pipeline=[
                LOAD,
                dict(type='LoadAnnotations'),
                dict(type='PackSegInputs')
            ],
            **common),
        dict(
            type='UnlabeledDataset',
            ann_file='ImageSets/Segmentation/unlabeled.txt',
            data_prefix=dict(img_path='JPEGImages'),
            img_suffix='.jpg',
            pipeline=[LOAD],
            **common)
    ]


def test_joined_to_voc(voc):
    dataset = DATASETS.build(
        dict(
            type='ConcatDataset',
            ignore_keys=IGNORED_KEYS,
            datasets=voc_parts(voc)))
    assert isinstance(dataset, ConcatDataset)
    assert dataset.cumulative_sizes == [2, 5]
    assert dataset.metainfo['classes'][0] == 'background'
    assert 'gt_sem_seg' in dataset[1]['data_samples']
    assert dataset[4]['img_path'].endswith('4.jpg')


def test_no_mask_is_opened(voc, monkeypatch):
    for i in range(2, 5):
        (voc / f'SegmentationClass/{i}.png').write_text('not a mask')
    opened = []
    original = builtins.open

    def observed(file, *args, **kwargs):
        opened.append(str(file))
        return original(file, *args, **kwargs)

    monkeypatch.setattr(builtins, 'open', observed)
    dataset = DATASETS.build(voc_parts(voc)[1])
    for i in range(len(dataset)):
        assert 'seg_map_path' not in dataset.get_data_info(i)
        assert 'gt_seg_map' not in dataset[i]
    assert sum(path.endswith('.jpg') for path in opened) == 3
    assert not any('SegmentationClass' in path for path in opened)


class Fails:
    """Transform that raises an error."""

    def __call__(self, results):
        raise KeyError('gt_seg_map')


class Refuses:
    """Transform that drops every dark image."""

    def __call__(self, results):
        return results if results['img'].any() else None


class TestUnreadable:

    @pytest.fixture
    def folder(self, tmp_path):
        for i in range(10):
            write_image(tmp_path / f'{i}.jpg', value=20 * i, size=(60, 40))
        return tmp_path

    @pytest.mark.parametrize('content', [
        lambda jpeg: b'',
        lambda jpeg: jpeg[:60],
        lambda jpeg: b'this is no image',
    ], ids=['empty', 'truncated', 'text'])
    @pytest.mark.parametrize('ignore_empty', [False, True])
    def test_named_once_and_replaced(self, folder, content, ignore_empty,
                                     warnings_logged):
        broken = folder / '3.jpg'
        broken.write_bytes(content(broken.read_bytes()))
        dataset = UnlabeledDataset(
            data_root=str(folder),
            pipeline=[dict(LOAD, ignore_empty=ignore_empty)])
        np.random.seed(0)
        taken = {dataset[3]['img_path'] for _ in range(30)}
        assert str(broken) not in taken
        assert len(taken) > 1
        warnings = warnings_logged()
        assert len(warnings) == 1
        assert str(broken) in warnings[0]
        assert 'It is replaced by another image' in warnings[0]

    def test_file_that_disappeared(self, folder, warnings_logged):
        dataset = UnlabeledDataset(data_root=str(folder), pipeline=[LOAD])
        (folder / '3.jpg').unlink()
        assert dataset[3]['img'].shape == (40, 60, 3)
        assert '3.jpg' in warnings_logged()[0]

    def test_too_many(self, folder):
        for i in (2, 3, 4):
            (folder / f'{i}.jpg').write_bytes(b'')
        dataset = UnlabeledDataset(
            data_root=str(folder), pipeline=[LOAD], max_unreadable_ratio=0.2)
        assert dataset.prepare_data(2) is None
        assert dataset.prepare_data(3) is None
        assert dataset.prepare_data(3) is None
        with pytest.raises(
                RuntimeError,
                match=r'4\.jpg.*3 of 10 images.*max_unreadable_ratio=0.2'):
            dataset.prepare_data(4)

    def test_workers_tell_each_other(self, folder):
        for i in (2, 7):
            (folder / f'{i}.jpg').write_bytes(b'')
        paths = [str(folder / '2.jpg'), str(folder / '7.jpg')]
        dataset = UnlabeledDataset(
            data_root=str(folder), pipeline=[LOAD], max_unreadable_ratio=0.2)
        list(DataLoader(dataset, num_workers=2, collate_fn=pseudo_collate))
        assert dataset.unreadable_images() == paths
        dataset.gather_unreadable_images()  # one process: nothing to add
        dataset.full_init()  # ConcatDataset calls it again
        assert dataset.unreadable_images() == paths

    def test_named_by_one_worker_of_one_epoch(self, folder, tmp_path):
        (folder / '3.jpg').write_bytes(b'')
        dataset = UnlabeledDataset(data_root=str(folder), pipeline=[LOAD])
        log = tmp_path / 'log.txt'
        handler = logging.FileHandler(log)
        logger = MMLogger.get_current_instance()
        logger.addHandler(handler)
        for _ in range(3):
            list(DataLoader(dataset, num_workers=2, sampler=[3] * 4,
                            collate_fn=pseudo_collate))
        logger.removeHandler(handler)
        assert 1 <= log.read_text().count('Unreadable') <= 2

    def test_too_many_of_all_workers(self, folder):
        for i in (2, 7):
            (folder / f'{i}.jpg').write_bytes(b'')
        dataset = UnlabeledDataset(
            data_root=str(folder), pipeline=[LOAD], max_unreadable_ratio=0.1)
        with pytest.raises(RuntimeError, match='2 of 10 images'):
            list(DataLoader(dataset, num_workers=2, batch_size=5,
                            collate_fn=pseudo_collate))

    @pytest.mark.slow
    def test_errors_of_other_transforms_are_raised(self, folder,
                                                   warnings_logged):
        dataset = UnlabeledDataset(
            data_root=str(folder), pipeline=[LOAD, Fails()])
        with pytest.raises(KeyError, match='gt_seg_map'):
            dataset[0]
        assert not warnings_logged()

    def test_other_transform_may_ask_for_another_image(
            self, folder, warnings_logged):
        dataset = UnlabeledDataset(
            data_root=str(folder), pipeline=[LOAD, Refuses(), dict])
        assert not dataset[0]['img_path'].endswith('0.jpg')
        assert not warnings_logged()


SIDE = 64


class TestOddImages:
    """Tests of the BGR pixels that the pipeline gets from unusual images."""

    @pytest.fixture
    def rgb(self):
        rng = np.random.default_rng(0)
        blocks = rng.integers(0, 255, (4, 4, 3), np.uint8)
        return blocks.repeat(SIDE // 4, 0).repeat(SIDE // 4, 1)

    def loaded(self, folder, *others):
        """Loads an image as RGB."""
        dataset = UnlabeledDataset(
            data_root=str(folder), pipeline=[LOAD, *others])
        image = dataset[0]['img']
        assert image.dtype == np.uint8
        return image[..., ::-1]

    def assert_shows(self, folder, expected, tolerance=0):
        image = self.loaded(folder)
        assert image.shape == expected.shape
        assert np.abs(image.astype(int) - expected).max() <= tolerance

    def test_16_bit_color_is_scaled(self, tmp_path, rgb):
        wide = rgb[..., ::-1].astype(np.uint16) * 256 + 77
        cv2.imwrite(str(tmp_path / 'a.png'), wide)
        self.assert_shows(tmp_path, rgb)

    def test_16_bit_gray_is_scaled(self, tmp_path, rgb):
        wide = rgb[..., 0].astype(np.uint16) * 256 + 77
        Image.fromarray(wide).save(tmp_path / 'a.png')
        self.assert_shows(tmp_path, rgb[..., :1].repeat(3, 2))

    def test_cmyk_is_not_inverted(self, tmp_path, rgb):
        Image.fromarray(rgb).convert('CMYK').save(
            tmp_path / 'a.jpg', quality=100, subsampling=0)
        self.assert_shows(tmp_path, rgb, tolerance=4)

    def test_gray(self, tmp_path, rgb):
        Image.fromarray(rgb[..., 0]).save(tmp_path / 'a.png')
        self.assert_shows(tmp_path, rgb[..., :1].repeat(3, 2))

    def test_alpha_is_dropped(self, tmp_path, rgb):
        alpha = np.arange(SIDE * SIDE).reshape(SIDE, SIDE, 1) % 256
        Image.fromarray(np.concatenate(
            [rgb, alpha.astype(np.uint8)], 2)).save(tmp_path / 'a.png')
        self.assert_shows(tmp_path, rgb)

    @pytest.mark.parametrize('orientation, upright', [
        (3, lambda image: np.rot90(image, 2)),
        (6, lambda image: np.rot90(image, -1)),
        (8, np.rot90),
    ])
    def test_rotation_of_exif_is_applied(self, tmp_path, rgb, orientation,
                                         upright):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(rgb).save(
            tmp_path / 'a.jpg', quality=100, subsampling=0, exif=exif)
        self.assert_shows(tmp_path, upright(rgb), tolerance=4)

    def test_palette(self, tmp_path, rgb):
        image = Image.fromarray(rgb).convert('P')
        image.save(tmp_path / 'a.png')
        self.assert_shows(tmp_path, np.asarray(image.convert('RGB')))

    def test_one_pixel(self, tmp_path):
        Image.new('RGB', (1, 1), (10, 20, 30)).save(tmp_path / 'a.png')
        assert self.loaded(tmp_path).tolist() == [[[10, 20, 30]]]
        resize = dict(
            type='NonEmptyResize', scale=(100, 100), keep_ratio=True)
        image = self.loaded(tmp_path, resize)
        assert image.shape == (100, 100, 3)
        assert (image == (10, 20, 30)).all()

    def test_very_wide(self, tmp_path):
        rng = np.random.default_rng(0)
        image = rng.integers(0, 255, (20, 20000, 3), np.uint8)
        Image.fromarray(image).save(tmp_path / 'a.png')
        self.assert_shows(tmp_path, image)
        resize = dict(
            type='NonEmptyResize', scale=(500, 500), keep_ratio=True)
        assert self.loaded(tmp_path, resize).shape == (1, 500, 3)


def test_folder_named_like_an_image(photos):
    (photos / 'folder.jpg').mkdir()
    (photos / 'nowhere.jpg').symlink_to(photos / 'missing.jpg')
    dataset = UnlabeledDataset(data_root=str(photos))
    assert len(dataset) == 5
    with pytest.raises(FileNotFoundError, match=r'1 of 1 .*folder\.jpg'):
        listed(photos, 'folder.jpg')


def test_several_data_sets_in_each_batch(tmp_path):
    for name in ('labeled', 'red', 'blue'):
        for i in range(3):
            write_image(tmp_path / name / f'{i}.jpg')
    (tmp_path / 'blue' / '1.jpg').write_bytes(b'')
    parts = [
        UnlabeledDataset(
            data_root=str(tmp_path / name), pipeline=[LOAD],
            max_unreadable_ratio=0.5) for name in ('red', 'blue')
    ]
    labeled = BaseSegDataset(
        data_root=str(tmp_path / 'labeled'), pipeline=[LOAD],
        metainfo=dict(classes=('road', )))
    dataset = ConcatDataset(
        [labeled, *parts],
        ignore_keys=IGNORED_KEYS)
    batch_sampler = MultiSourceBatchSampler(
        DefaultSampler(dataset, seed=0), batch_size=3, source_ratio=[1, 1, 1])
    loader = DataLoader(
        dataset, batch_sampler=batch_sampler, num_workers=1,
        collate_fn=list)
    batches = [[Path(item['img_path']).parent.name for item in batch]
               for batch in loader]
    assert batches == [['labeled', 'red', 'blue']] * 3
    assert [len(part.unreadable_images()) for part in parts] == [0, 1]


def test_indices_and_registry(photos):
    dataset = DATASETS.build(
        dict(type='UnlabeledDataset', data_root=str(photos), indices=2))
    assert names(dataset) == ['a.png', 'b.jpg']


def test_can_be_sent_to_a_worker(photos):
    dataset = UnlabeledDataset(data_root=str(photos), pipeline=[LOAD])
    copy = pickle.loads(pickle.dumps(dataset))
    assert names(copy) == names(dataset)
    np.testing.assert_array_equal(copy[2]['img'], dataset[2]['img'])
