"""Tests of test results: one file per image, in the data set's colours."""
import sys

import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from PIL import Image

from mmseg_dcc.engine.hooks import PredictionFilesHook
from tests.tiny_published import PALETTE, write_images, write_model
from tests.tool_scripts import load_tool


def files_in(folder):
    return sorted(str(path.relative_to(folder))
                  for path in folder.rglob('*') if path.is_file())


def run_test(monkeypatch, folder, *options, **settings):
    config, checkpoint = write_model(folder, **settings)
    monkeypatch.setattr(sys, 'argv', [
        'test.py', *map(str, (config, checkpoint, '--work-dir',
                              folder / 'work', *options))])
    load_tool('test.py').main()


def test_a_file_an_image(tmp_path, monkeypatch):
    write_images(tmp_path, ['a/0.jpg', 'b/0.jpg', 'a/1.png', 'b/deep/0.bmp'])
    run_test(monkeypatch, tmp_path, '--out', tmp_path / 'out', '--show-dir',
             tmp_path / 'show')
    expected = ['a/0.png', 'a/1.png', 'b/0.png', 'b/deep/0.png']
    assert files_in(tmp_path / 'out') == expected
    assert files_in(tmp_path / 'show') == expected
    mask = Image.open(tmp_path / 'out/a/0.png')
    assert mask.mode == 'P' and mask.size == (28, 20)
    assert np.array(mask).max() < 3
    assert mask.getpalette()[:9] == sum(PALETTE, [])
    # the image under truth and prediction
    assert Image.open(tmp_path / 'show/a/0.png').size[0] == 2 * 28


@pytest.mark.parametrize('scope', [None, 'leaves'])
def test_config_of_another_scope_without_hooks(scope, tmp_path, monkeypatch):
    write_images(tmp_path, ['0.jpg'])
    with_scope = dict(
        model='EncoderDecoder',
        test_evaluator='IoUMetric',
        visualizer='SegLocalVisualizer',
        **{'model.data_preprocessor': 'SegDataPreProcessor',
           'model.backbone': 'ResNet',
           'model.decode_head': 'DepthwiseSeparableASPPHead',
           'test_dataloader.dataset': 'FolderSegDataset',
           'test_dataloader.dataset.pipeline.2': 'LoadAnnotations',
           'test_dataloader.dataset.pipeline.3': 'PackSegInputs'})
    run_test(
        monkeypatch, tmp_path, '--out', tmp_path / 'out',
        default_scope=scope,
        **{f'{key}.type': f'mmseg.{name}'
           for key, name in with_scope.items()})
    assert files_in(tmp_path / 'out') == ['0.png']
    broken = tmp_path / 'model.pth'
    torch.save(dict(state_dict=dict(x=torch.zeros(1)), meta={}), broken)
    monkeypatch.setattr(
        sys, 'argv', ['test.py', str(tmp_path / 'model.py'), str(broken)])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match='does not fit the network'):
        load_tool('test.py').main()


def test_masks_of_the_data_stay(tmp_path, monkeypatch):
    write_images(tmp_path, ['a/0.jpg'])
    before = (tmp_path / 'masks/a/0.png').read_bytes()
    with pytest.raises(SystemExit, match='--out: 1 results'):
        run_test(monkeypatch, tmp_path, '--out', tmp_path / 'masks')
    assert (tmp_path / 'masks/a/0.png').read_bytes() == before


def test_config_without_test_time_augmentation(tmp_path, monkeypatch):
    write_images(tmp_path, ['0.jpg'])
    with pytest.raises(SystemExit, match='no tta_model, tta_pipeline'):
        run_test(monkeypatch, tmp_path, '--tta')


def test_ids_are_those_of_the_masks_of_the_data_set(tmp_path):
    sample = SegDataSample(
        pred_sem_seg=PixelData(data=torch.tensor([[[0, 2]]])),
        metainfo=dict(reduce_zero_label=True))
    PredictionFilesHook._write_mask(sample, tmp_path / 'a.png', PALETTE)
    mask = Image.open(tmp_path / 'a.png')
    assert np.array(mask).tolist() == [[1, 3]]
    assert mask.convert('RGB').getpixel((0, 0)) == tuple(PALETTE[0])
