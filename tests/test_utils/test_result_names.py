"""Tests that result names are unique."""
from pathlib import Path

import pytest
from PIL import Image

from mmseg_dcc.datasets import UnlabeledDataset
from mmseg_dcc.utils.input_error import InputError
from mmseg_dcc.utils.result_names import refuse_overwriting, result_names


def names_of(paths, folders=()):
    named = result_names(paths, folders)
    return [named[str(Path(path).absolute())] for path in paths]


def test_names_are_relative_to_the_folder_of_images():
    assert names_of(['/d/a/0.jpg', '/d/a/1.jpg'], ['/d']) == ['a/0', 'a/1']
    assert names_of(['/d/a/0.jpg', '/d/b/0.jpg'], ['/d']) == ['a/0', 'b/0']
    # without one: of what all share
    assert names_of(['/d/a/0.jpg', '/d/a/1.jpg']) == ['0', '1']
    assert names_of(['d/a/0.jpg', 'd/b/0.jpg']) == ['a/0', 'b/0']


@pytest.mark.parametrize('paths, folders', [
    # several data sets
    (['/d/1/0.jpg', '/d/2/0.jpg'], ['/d/1', '/d/2']),
    # a list that names images outside of the folder
    (['/d/1/0.jpg', '/e/0.jpg'], ['/d/1']),
    (['/d/1/0.jpg', '/d/12/0.jpg'], ['/d/1']),
    # the suffix alone differs
    (['/d/0.jpg', '/d/0.png'], ['/d']),
    (['/d/0.jpg', '/d/0.JPG'], ['/d']),
    (['/d/0.jpg', '/d/0.png', '/d/0.jpg.jpg'], ['/d']),
    (['/d/0.jpg', '/d/0', '/d/0.x.jpg'], ['/d']),
])
def test_no_two_images_share_a_name(paths, folders):
    names = names_of(paths, folders)
    assert len(set(names)) == len(paths)
    assert not any(name.startswith(('.', '/')) for name in names)


def test_an_image_that_occurs_twice_has_one_result():
    assert names_of(['/d/0.jpg', '/d/0.jpg']) == ['0', '0']
    assert result_names([]) == {}


def test_data_are_not_overwritten(tmp_path):
    with pytest.raises(InputError, match='--out: 1 results .* the data'):
        refuse_overwriting([f'{tmp_path}/x/../0.png', 'b'],
                           [f'{tmp_path}/0.png'], '--out')
    refuse_overwriting(['a'], ['b'], '--out')


def test_two_images_do_not_share_a_mask(tmp_path):
    for name in ('photos/a.jpg', 'photos/a.png', 'photos/b.jpg'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new('RGB', (4, 4)).save(tmp_path / name)
    load = [dict(type='LoadImageFromFile')]
    for key, what in (('seg_map_path', 'mask'),
                      ('weak_seg_map_path', 'weak mask')):
        (tmp_path / key).mkdir()
        Image.new('L', (4, 4)).save(tmp_path / key / 'b.png')
        settings = dict(
            data_root=str(tmp_path),
            data_prefix={'img_path': 'photos', key: key}, pipeline=load)
        # of those alone that have a mask
        assert len(UnlabeledDataset(**settings)) == 3
        Image.new('L', (4, 4)).save(tmp_path / key / 'a.png')
        with pytest.raises(InputError,
                           match=f'a.jpg and .*a.png would share the {what}'):
            UnlabeledDataset(**settings)
