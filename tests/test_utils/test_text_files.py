"""Tests of ``mmseg_dcc/utils/text_files.py``."""
import os
import os.path as osp

import pytest
from PIL import Image

from mmseg_dcc.datasets import UnlabeledDataset
from mmseg_dcc.utils.text_files import encoding_problem, printable, read_lines

NAMES = ['café/a.jpg', 'straße.jpg']


@pytest.mark.parametrize('encoding', [
    'utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le', 'utf-16-be', 'utf-32',
    'cp1252'])
@pytest.mark.parametrize('stems', [False, True])
def test_lists_in_any_encoding(encoding, stems, tmp_path):
    for name in NAMES:
        path = tmp_path / 'photos' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (8, 8)).save(path)
    text = '\r\n'.join(NAMES).replace('.jpg', '' if stems else '.jpg')
    (tmp_path / 'list.txt').write_bytes(text.encode(encoding))
    dataset = UnlabeledDataset(
        data_root=str(tmp_path),
        data_prefix=dict(img_path='photos'),
        ann_file='list.txt',
        pipeline=[dict(type='LoadImageFromFile')])
    assert [dataset[i]['img_path'] for i in range(2)] == [
        str(tmp_path / 'photos' / name) for name in NAMES]


@pytest.mark.parametrize('write', [
    lambda name: name.replace('/', '\\'),
    lambda name: f'./{name}',
    lambda name: f'"{name}"',
])
@pytest.mark.parametrize('stems', [False, True])
def test_lists_of_other_systems(write, stems, tmp_path):
    names = ['deep/a b.jpg', 'deep/er/c.JPG']
    for name in names:
        path = tmp_path / 'photos' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (8, 8)).save(path)
    suffix = (lambda name: name[:-4]) if stems else str
    (tmp_path / 'list.txt').write_text(
        '\r\n'.join(write(suffix(name)) for name in names))
    dataset = UnlabeledDataset(
        data_root=str(tmp_path),
        data_prefix=dict(img_path='photos'),
        ann_file='list.txt',
        pipeline=[dict(type='LoadImageFromFile')])
    assert [osp.normpath(dataset[i]['img_path']) for i in range(2)] == [
        str(tmp_path / 'photos' / name) for name in names]


def test_list_of_addresses(tmp_path):
    Image.new('RGB', (8, 8)).save(tmp_path / 'a b.jpg')
    (tmp_path / 'list.txt').write_text(f'file://{tmp_path}/a%20b.jpg\n')
    dataset = UnlabeledDataset(
        data_root=str(tmp_path), ann_file='list.txt',
        pipeline=[dict(type='LoadImageFromFile')])
    assert dataset[0]['img_path'] == str(tmp_path / 'a b.jpg')


def test_backslashes_that_are_letters(tmp_path):
    Image.new('RGB', (8, 8)).save(tmp_path / 'a\\b.jpg')
    (tmp_path / 'list.txt').write_text('a\\b.jpg')
    dataset = UnlabeledDataset(
        data_root=str(tmp_path), ann_file='list.txt',
        pipeline=[dict(type='LoadImageFromFile')])
    assert dataset[0]['img_path'] == str(tmp_path / 'a\\b.jpg')


@pytest.mark.parametrize('encoding, problem', [
    ('utf-8', None), ('utf-8-sig', 'begins with a byte-order mark'),
    ('utf-16', 'is in UTF-16'), ('utf-16-le', 'is in UTF-16-LE'),
    ('utf-32', 'is in UTF-32'), ('cp1252', 'is not in UTF-8')])
def test_what_mmseg_reads_wrong(encoding, problem, tmp_path):
    (tmp_path / 'list.txt').write_bytes('abc\né'.encode(encoding))
    assert encoding_problem(str(tmp_path / 'list.txt')) == problem


def test_names_in_an_old_encoding(tmp_path, warnings_logged):
    """File names as an old archive leaves them."""
    name = 'caf\xe9.jpg'.encode('cp1252')
    path = os.fsencode(tmp_path) + b'/' + name
    Image.new('RGB', (8, 8)).save(tmp_path / 'x.jpg')
    os.rename(tmp_path / 'x.jpg', path)
    Image.new('RGB', (8, 8)).save(tmp_path / 'other.jpg')
    (tmp_path / 'list.txt').write_bytes(name + b'\nother.jpg')
    load = [dict(type='LoadImageFromFile')]
    for options in (dict(), dict(ann_file='list.txt')):
        dataset = UnlabeledDataset(
            data_root=str(tmp_path), pipeline=load, max_unreadable_ratio=0.5,
            **options)
        assert {os.fsencode(dataset[i]['img_path']) for i in range(2)} == {
            path, os.fsencode(tmp_path / 'other.jpg')}
    with open(path, 'wb'):
        pass
    assert dataset.prepare_data(0) is None
    warning, = warnings_logged()
    assert 'caf\\xe9.jpg' in warning
    warning.encode('utf-8')


def test_lines(tmp_path):
    (tmp_path / 'list.txt').write_bytes(b'\xef\xbb\xbf a \r\n\r\nb\rc\n\t')
    assert read_lines(str(tmp_path / 'list.txt')) == ['a', 'b', 'c']
    assert printable('a/b.jpg') == 'a/b.jpg' and printable('é') == 'é'
