"""Tests of ``mmseg_dcc/datasets/image_files.py``."""
import os

import pytest
from mmengine.config import Config
from mmengine.fileio import (
    BaseStorageBackend,
    LocalBackend,
    register_backend,
)
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_dcc.apis.launch import exit_without_data
from mmseg_dcc.datasets import UnlabeledDataset
from mmseg_dcc.datasets.image_files import image_files, is_local
from mmseg_dcc.utils.input_error import InputError

LOAD = [dict(type='LoadImageFromFile')]


def save(path, color=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new('RGB', (8, 8), (color, ) * 3).save(path)


@pytest.fixture
def photos(tmp_path):
    for name in ('a.jpg', 'deep/b.png'):
        save(tmp_path / 'photos' / name)
    return tmp_path / 'photos'


@pytest.mark.parametrize('link, target', [
    ('deep/loop', '.'), ('deep/loop', 'deep'), ('up', '..'),
    ('self', 'self')])
def test_links_around_themselves(link, target, photos):
    (photos / link).symlink_to(photos / target)
    assert image_files(str(photos)).images == ['a.jpg', 'deep/b.png']


def test_links_that_meet_elsewhere(photos, tmp_path):
    """Neither link is a loop on its own, but both together are."""
    save(tmp_path / 'other/c.jpg')
    (photos / 'away').symlink_to(tmp_path / 'other')
    (tmp_path / 'other/back').symlink_to(photos)
    assert image_files(str(photos)).images == [
        'a.jpg', 'away/c.jpg', 'deep/b.png']


def test_links_to_other_folders_are_followed(photos, tmp_path):
    save(tmp_path / 'disk/c.jpg')
    (photos / 'more').symlink_to(tmp_path / 'disk')
    (photos / 'and').symlink_to(tmp_path / 'disk')
    assert image_files(str(photos)).images == [
        'a.jpg', 'and/c.jpg', 'deep/b.png', 'more/c.jpg']


MEDIA = ['x.HEIC', 'y.heic', 'deep/z.avif', 'clip.MP4', 'anim.gif']
TOLD = '1 .avif, 1 .gif, 2 .heic, 1 .mp4'


class TestOtherTypes:

    @pytest.fixture
    def mixed(self, photos):
        for name in (*MEDIA, 'notes.txt', '.hidden.heic', 'a.jpg.part'):
            (photos / name).write_bytes(b'')
        return photos

    def test_told_once(self, mixed, warnings_logged):
        dataset = UnlabeledDataset(data_root=str(mixed), pipeline=LOAD)
        dataset.full_init()
        warning, = warnings_logged()
        assert TOLD in warning and 'Convert' in warning and str(
            mixed) in warning

    def test_nothing_else(self, photos, warnings_logged):
        UnlabeledDataset(data_root=str(photos), pipeline=LOAD)
        assert not warnings_logged()

    def test_folder_of_nothing_but_these(self, mixed):
        for name in ('a.jpg', 'deep/b.png'):
            (mixed / name).unlink()
        with pytest.raises(ValueError, match='No unlabeled.*2 .heic'):
            UnlabeledDataset(data_root=str(mixed), pipeline=LOAD)

    def test_labeled_ones(self, mixed, warnings_logged):
        for part in ('train', 'val'):
            DATASETS.build(
                dict(
                    type='FolderSegDataset',
                    part=part,
                    val_share=0.4,
                    data_root=str(mixed),
                    data_prefix=dict(img_path='', seg_map_path=''),
                    metainfo=dict(classes=('x', )),
                    pipeline=LOAD))
        warning, = warnings_logged()
        assert TOLD in warning


class TestBackends:
    """Tests of files on another storage, here on a disk with other names."""

    @pytest.fixture(autouse=True)
    def bucket(self, photos):

        def path(address):
            return os.path.join(str(photos), address[len('bucket://'):])

        class Keys(BaseStorageBackend):
            """Storage in which ``bucket://a`` is the file ``photos/a``."""

            def get(self, filepath):
                return LocalBackend().get(path(filepath))

            def get_text(self, filepath, encoding='utf-8'):
                return self.get(filepath).decode(encoding)

        class Bucket(Keys):

            def list_dir_or_file(self, dir_path, *args):
                return LocalBackend().list_dir_or_file(path(dir_path), *args)

        register_backend('bucket', Bucket, force=True, prefixes='bucket')
        register_backend('keys', Keys, force=True)

    def test_folder(self):
        assert not is_local('bucket://')
        dataset = UnlabeledDataset(
            data_prefix=dict(img_path='bucket://'), pipeline=LOAD)
        assert [dataset[i]['img_path'] for i in range(2)] == [
            'bucket://a.jpg', 'bucket://deep/b.png']
        assert dataset[1]['img'].shape == (8, 8, 3)

    @pytest.mark.parametrize('at_loader', [False, True])
    def test_list_where_the_backend_has_keys_alone(self, at_loader, tmp_path):
        (tmp_path / 'list.txt').write_text('deep/b.png\n')
        keys = dict(backend_args=dict(backend='keys'))
        dataset = UnlabeledDataset(
            ann_file=str(tmp_path / 'list.txt'),
            data_prefix=dict(img_path='bucket://'),
            pipeline=[dict(LOAD[0], **(keys if at_loader else {}))],
            **({} if at_loader else keys))
        assert dataset[0]['img'].shape == (8, 8, 3)
        with pytest.raises(ValueError, match='cannot list.*ann_file'):
            UnlabeledDataset(
                data_prefix=dict(img_path='bucket://'), pipeline=LOAD, **keys)

    @pytest.mark.parametrize('kind', ['UnlabeledDataset', 'FolderSegDataset',
                                      'BaseSegDataset'])
    def test_address_of_a_folder_on_a_disk(self, kind, photos):
        cfg = Config(dict(train_dataloader=dict(dataset=dict(
            type=kind, data_root=f'file://{photos}'))))
        with pytest.raises(InputError, match='local folder as a plain path'):
            exit_without_data(cfg, ('train_dataloader', ))

    def test_backend_that_joins_no_paths(self):
        with pytest.raises(ValueError, match='http://.*Download the images'):
            UnlabeledDataset(
                data_root='http://127.0.0.1:9/photos', pipeline=LOAD)

    def test_tools_do_not_look_for_it_on_the_disk(self, photos):
        cfg = Config(dict(train_dataloader=dict(dataset=dict(
            type='UnlabeledDataset', data_root='bucket://deep'))))
        exit_without_data(cfg, ('train_dataloader', ))
        cfg.train_dataloader.dataset.data_root = str(photos / 'nowhere')
        with pytest.raises(SystemExit, match='no data set at'):
            exit_without_data(cfg, ('train_dataloader', ))

    def test_package_that_is_not_there(self):
        with pytest.raises(ImportError, match='petrel_client.*mount'):
            UnlabeledDataset(
                data_prefix=dict(img_path='s3://bucket/photos'),
                pipeline=LOAD)
