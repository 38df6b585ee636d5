"""Tests of ``mmseg_dcc/datasets/mask_path_check.py``."""
from types import SimpleNamespace

import pytest
from mmseg.registry import DATASETS
from PIL import Image

from mmseg_dcc.engine.hooks.training_check_hook import TrainingCheckHook

LOAD = dict(type='LoadImageFromFile')
MASKS = dict(type='LoadAnnotations')
TTA = dict(type='TestTimeAug', transforms=[
    [dict(type='RandomFlip', prob=0.)], [MASKS],
    [dict(type='PackSegInputs')]])


@pytest.fixture
def images(tmp_path):
    Image.new('RGB', (8, 8)).save(tmp_path / 'a.jpg')
    return tmp_path


def test(images, pipeline, kind='BaseSegDataset', **prefix):
    dataset = DATASETS.build(
        dict(
            type=kind,
            data_root=str(images),
            data_prefix=dict(img_path='', **prefix),
            metainfo=dict(classes=('a', 'b')),
            test_mode=True,
            pipeline=pipeline))
    loader = SimpleNamespace(dataset=dataset)
    TrainingCheckHook().before_test(SimpleNamespace(test_dataloader=loader))
    return dataset


test.__test__ = False


@pytest.mark.parametrize('kind', ['BaseSegDataset', 'FolderSegDataset'])
@pytest.mark.parametrize('pipeline', [[LOAD, MASKS], [LOAD, TTA]])
def test_images_without_masks(kind, pipeline, images):
    with pytest.raises(ValueError, match='seg_map_path.*format_only=True'):
        test(images, pipeline, kind)


@pytest.mark.parametrize('kind', ['BaseSegDataset', 'FolderSegDataset'])
def test_prediction_without_masks(kind, images):
    dataset = test(images, [LOAD, dict(type='PackSegInputs')], kind)
    assert dataset[0]['inputs'].shape == (3, 8, 8)


def test_folder_of_masks_is_named(images):
    Image.new('L', (8, 8)).save(images / 'a.png')
    test(images, [LOAD, MASKS], seg_map_path='')
