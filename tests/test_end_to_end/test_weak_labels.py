"""Tests of docs/weak_labels.md on tiny data, from labels to training."""
import json
import re
import runpy
import shutil
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from ..backbones import import_mmpretrain
from ..conftest import ROOT
from ..optional_packages import needs_grad_cam, needs_mmpretrain
from ..tiny_training import train

from mmseg_dcc.apis.publish import publish  # isort: skip

pytestmark = pytest.mark.slow

WEAK = ROOT / 'configs/weak/deeplabv3plus_small_demo_weak.py'
CLASSIFIERS = sorted(
    path.name for path in (ROOT / 'configs/weak').glob('classifier*.py'))
SMALL_CLASSIFIER = (
    'train_cfg.max_epochs=2', 'param_scheduler.0.end=2',
    'train_dataloader.batch_size=2', 'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
    'test_dataloader.num_workers=0')


@pytest.fixture
def demo(tmp_path, data_dir, monkeypatch):
    """Working directory with the demo's data and no weak masks."""
    shutil.copytree(data_dir / 'data/demo', tmp_path / 'data/demo')
    shutil.rmtree(tmp_path / 'data/demo/SegmentationWeak')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_tool(monkeypatch, script, *arguments):
    """In this process, since torchvision needs operators of the tests."""
    monkeypatch.setattr(sys, 'argv', [script, *map(str, arguments)])
    runpy.run_path(str(ROOT / 'tools' / script), run_name='__main__')


@needs_grad_cam
def test_labels_classifier_masks_training(demo, monkeypatch, tmp_path):
    import_mmpretrain()
    with pytest.raises(FileNotFoundError, match='make_cam_masks'):
        train(tmp_path / 'too_early', config=WEAK)
    run_tool(monkeypatch, 'dataset_tools/make_image_labels.py', WEAK, 'masks',
             'data/demo/SegmentationClassAug', '--out',
             'data/demo/image_labels.json')
    classifier = ROOT / 'configs/weak/classifier_small_demo.py'
    run_tool(monkeypatch, 'train.py', classifier, '--work-dir', 'classifier',
             '--cfg-options', *SMALL_CLASSIFIER)
    run_tool(monkeypatch, 'dataset_tools/make_cam_masks.py', classifier,
             'classifier/epoch_2.pth', '--out-dir',
             'data/demo/SegmentationWeak')
    data_list = json.loads(
        (demo / 'data/demo/image_labels.json').read_text())['data_list']
    assert len(data_list) == 4
    for image in data_list:
        path = image['img_path'].replace('.jpg', '.png')
        mask = np.array(Image.open(demo / 'data/demo/SegmentationWeak' / path))
        assert mask.shape == (96, 96)
        allowed = {0, 255} | {label + 1 for label in image['gt_label']}
        assert set(np.unique(mask)) <= allowed

    _, steps = train(tmp_path / 'segmentation', config=WEAK)
    weak = [step['unsup_loss_weak'] for step in steps]
    assert weak[0] == 0 and all(value >= 0 for value in weak)
    assert any(weak[1:])


@needs_grad_cam
def test_table_5_by_one_command(demo, run):
    """From image-level labels to the cell, each tool in its own process."""
    out = run(
        sys.executable,
        ROOT / 'tools/paper/reproduce.py',
        '--preset',
        'demo',
        '--table',
        5,
        '--cell',
        'weakly',
        '--seeds',
        0,
        '--iterations',
        51,
        cwd=demo,
        PYTHONPATH=f'{ROOT}/tests/site:{ROOT}')
    assert len(list((demo / 'data/demo/SegmentationWeak').glob('*.png'))) == 4
    assert re.search(r'weak.py, masks, list 0, 51 iterations: done', out)
    score = re.search(r'\| Ours \|  \| ([\d.]+) \(1\) \|', out)[1]
    assert float(score) >= 0 and 'Missing: 0 of 1 cells' in out


def test_training_on_weak_masks(in_data_dir, tmp_path, monkeypatch):
    """Without any optional package; published without C_w."""
    runner, steps = train(
        tmp_path,
        dict(default_hooks=dict(
            checkpoint=dict(
                type='CheckpointHook', by_epoch=False, interval=4))),
        config=WEAK)
    assert [step['unsup_loss_weak'] > 0 for step in steps
            ] == [False, True, True, True]
    assert [step['loss'] for step in steps] == pytest.approx([
        sum(value for key, value in step.items() if '_loss_' in key or
            '.loss_' in key) for step in steps
    ])
    checkpoint = torch.load(tmp_path / 'iter_4.pth', weights_only=True)
    assert 'terms.weak.classifier.conv_seg.weight' in checkpoint['state_dict']
    # the tests train without validation, whose data publishing keeps
    config = Config.fromfile(str(WEAK))
    checkpoint['meta']['cfg'] = config.pretty_text
    published, stock = publish(checkpoint)
    assert stock.model.type == 'EncoderDecoder'
    for part in (published['state_dict'], stock.pretty_text):
        assert not any('weak' in name.lower() for name in
                       (part if isinstance(part, dict) else [part]))


@pytest.mark.parametrize('config, prefix, message', [
    (WEAK, {}, 'weak_seg_map_path of each Unlabeled.*or remove the term'),
    (ROOT / 'configs/demo/deeplabv3plus_small_demo_dcc.py',
     dict(weak_seg_map_path='SegmentationWeak'),
     "type='WeakLabels'.* to model.terms, or remove the key"),
])
def test_model_and_data_disagree(in_data_dir, tmp_path, config, prefix,
                                 message):
    key = 'train_dataloader.dataset.datasets.1.data_prefix'
    with pytest.raises(ValueError, match=message):
        train(
            tmp_path, {
                key: dict(_delete_=True, img_path='JPEGImages', **prefix)
            },
            config=config)


@needs_mmpretrain
@pytest.mark.parametrize('name', CLASSIFIERS)
def test_classifier_builds(name):
    import_mmpretrain()
    from mmengine.registry import DefaultScope
    from mmpretrain.registry import MODELS
    config = Config.fromfile(str(ROOT / 'configs/weak' / name))
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(config.model)
    model.get_submodule(config.cam_layer)
    assert model.head.fc.in_features == model.head.in_channels


def test_small_classifier_has_the_backbone_of_the_demo():
    classifier = Config.fromfile(
        str(ROOT / 'configs/weak/classifier_small_demo.py'))
    segmentor = Config.fromfile(str(WEAK))
    for key in ('depth', 'num_stages', 'strides', 'dilations',
                'base_channels'):
        assert classifier.model.backbone[key] == segmentor.model.backbone[key]
