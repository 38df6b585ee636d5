"""Tests of ``mmseg_dcc/utils/configs.py``."""
import copy

import pytest
from mmengine.config import Config

from mmseg_dcc.datasets import UnlabeledDataset
from mmseg_dcc.utils.configs import (
    read_config,
    unlabeled_configs,
    with_unformatted_text,
)
from mmseg_dcc.utils.input_error import InputError
from tests.project_configs import load_config

PURE_PYTHON = """
from mmengine.config import read_base
from mmengine.dataset import ConcatDataset
from mmcv.transforms import LoadImageFromFile
from mmseg_dcc.datasets import FolderSegDataset, UnlabeledDataset

load = dict(type=LoadImageFromFile)
photos = dict(type=UnlabeledDataset, data_root='photos', pipeline=[load])
train_dataloader = dict(
    dataset=dict(
        type=ConcatDataset,
        datasets=[
            dict(type=FolderSegDataset, pipeline=[load]),
            dict(type=ConcatDataset, datasets=[photos])
        ]))
"""


def test_unlabeled_data_of_a_config_in_pure_python(tmp_path):
    """As browse_pairs uses them."""
    path = tmp_path / 'config.py'
    path.write_text(PURE_PYTHON)
    found, = unlabeled_configs(read_config(str(path)))
    assert found.data_root == 'photos'
    # mmengine builds lazily: a class, or what stands for it
    assert 'UnlabeledDataset' in str(found.type)
    assert isinstance(UnlabeledDataset, type)


@pytest.mark.parametrize('inherited', [False, True])
def test_package_that_is_not_installed(inherited, tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(
        "custom_imports = dict(imports=['no_such_package.models'], "
        'allow_failed_imports=False)')
    if inherited:
        (tmp_path / 'mine.py').write_text("_base_ = 'config.py'")
        path = tmp_path / 'mine.py'
    with pytest.raises(InputError, match='pip install no_such_package'):
        read_config(str(path))


def test_mistake_in_a_config_stays_one(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(PURE_PYTHON.replace(
        'import LoadImageFromFile', 'import LoadImageFromFil'))
    with pytest.raises(Exception, match='LoadImageFromFil') as error:
        read_config(str(path))
    assert not isinstance(error.value, InputError)


def test_config_of_an_installed_package():
    name = 'dcc/deeplabv3plus_r50_voc_1-8.py'
    cfg = read_config(f'mmseg_dcc::{name}', {'train_cfg.max_epochs': 2})
    assert cfg.filename.endswith(f'mmseg_dcc/.mim/configs/{name}')
    assert cfg.train_cfg.max_epochs == 2


def test_config_of_a_package_that_is_not_installed(monkeypatch):
    monkeypatch.setattr('mmengine.hub.hub.install_package', pytest.fail)
    with pytest.raises(InputError, match='got the package mmsegdcc, which is'):
        read_config('mmsegdcc::dcc/any.py')


@pytest.mark.parametrize('name', [
    'custom/own_data.py', 'dcc/deeplabv3plus_r50_voc_1-8.py'])
def test_unformatted_text_is_read_as_the_same_config(name, tmp_path):
    config = load_config(name)
    ours = with_unformatted_text(config)
    ours.dump(tmp_path / 'config.py')
    assert Config.fromfile(tmp_path / 'config.py').to_dict() == (
        config.to_dict())
    # the runner keeps a copy
    assert copy.deepcopy(ours).pretty_text == ours.pretty_text
    assert ours.filename == config.filename
    assert ours.to_dict() == config.to_dict()


def test_text_is_unformatted():
    config = Config(dict(crop=(8, 8)))
    assert with_unformatted_text(config).pretty_text.startswith('crop=(\n')
    assert config.pretty_text.startswith('crop = (')
