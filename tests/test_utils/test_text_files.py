"""Tests of ``mmseg_dcc/utils/text_files.py``."""
import os

import pytest
from PIL import Image

from mmseg_dcc.datasets import UnlabeledDataset
from mmseg_dcc.utils.text_files import printable, read_lines

NAMES = ['café/a.jpg', 'straße.jpg']


@pytest.mark.parametrize('encoding', [
    'utf-8', 'utf-8-sig', 'utf-16', 'cp1252'])
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


def test_names_in_an_old_encoding(tmp_path, warnings_logged):
    """Of the files, as an old archive leaves them."""
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
