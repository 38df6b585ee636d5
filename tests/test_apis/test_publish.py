"""Tests that published files have a stock network and load without us."""
import os
import sys

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.apis import MMSegInferencer, inference_model, init_model
from mmseg.registry import MODELS
from PIL import Image

from mmseg_dcc.apis.publish import publish, write_published
from tests import tiny_dinov2, tiny_models
from tests.backbones import import_mmpretrain
from tests.conftest import reads_trainings_safely
from tests.optional_packages import needs_mmpretrain
from tests.tool_scripts import load_tool

TOOL = load_tool('publish_model.py')
DATASET_META = dict(
    classes=('sky', 'tree', 'road'),
    # as mmseg draws them
    palette=np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]]))
TEST_PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(64, 64), keep_ratio=True),
    # not the bare one, which `inference_model` knows to leave out
    dict(type='LoadAnnotations', reduce_zero_label=False),
    dict(type='PackSegInputs'),
]
# Runs plain mmseg. Without the full mmcv, whose operators mmseg imports but
# these networks do not use, something has to stand in for them.
PLAIN_MMSEG = """
import sys
from unittest.mock import MagicMock

import numpy as np
from mmengine.utils.dl_utils import mmcv_full_available


class Trap:

    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] == 'mmseg_dcc':
            raise RuntimeError('mmseg_dcc was imported')


sys.meta_path.insert(0, Trap())
if not mmcv_full_available():
    sys.modules['mmcv.ops'] = MagicMock()
from mmseg.apis import MMSegInferencer, inference_model, init_model

config, checkpoint, image, out = sys.argv[1:]
model = init_model(config, checkpoint, device='cpu')
scores = inference_model(model, image).seg_logits.data
results = dict(scores=scores.numpy())
for name, source in (('inferencer', config), ('checkpoint_alone', None)):
    inferencer = MMSegInferencer(source, checkpoint, device='cpu')
    results[name] = inferencer(image)['predictions']
    assert inferencer.model.dataset_meta == model.dataset_meta
np.savez(out, classes=model.dataset_meta['classes'], **results)
"""


def training_config(network, dataset='FolderSegDataset', **changes):
    model = dict(
        network,
        type='DCCSegmentor',
        data_preprocessor=dict(
            type='SemiSegDataPreProcessor',
            mean=[120., 110., 100.],
            std=[60., 55., 50.],
            bgr_to_rgb=True,
            size=(32, 32)),
        projector=dict(type='PixelProjector', out_channels=16),
        loss_dc=dict(type='DirectionalContrastiveLoss'),
        memory_bank=dict(
            type='FeatureMemoryBank', negatives_per_crop=8, steps=2),
        pretrained='torchvision://resnet18',
        train_cfg=dict(),
        test_cfg=dict(mode='whole'))
    test = dict(
        batch_size=1,
        dataset=dict(
            type=dataset,
            _scope_='mmseg_dcc',
            data_root='data/mine',
            pipeline=TEST_PIPELINE))
    return Config(
        dict(
            dict(
                default_scope='mmseg',
                custom_imports=dict(
                    imports=['mmseg_dcc', 'mmseg.models'],
                    allow_failed_imports=False),
                custom_hooks=[dict(type='SupervisedWarmupHook')],
                default_hooks=dict(
                    randomness=dict(type='ReproducibleRandomnessHook'),
                    visualization=dict(type='SegVisualizationHook')),
                train_dataloader=dict(dataset=dict(type='UnlabeledDataset')),
                visualizer=dict(type='SegLocalVisualizer'),
                test_evaluator=dict(type='IoUMetric'),
                test_cfg=dict(type='TestLoop'),
                test_dataloader=test,
                model=model), **changes))


def trained_checkpoint(config, prepare=tiny_models.settle):
    """Checkpoint as a training writes it."""
    torch.manual_seed(0)
    model = prepare(MODELS.build(dict(config.model, pretrained=None)))
    return dict(
        state_dict=model.state_dict(),
        optimizer=dict(state={}),
        message_hub={},
        meta=dict(
            cfg=config.pretty_text,
            dataset_meta=DATASET_META,
            mmseg_version='1.2.2'))


@pytest.mark.parametrize('network, stock_type', [
    (tiny_models.SINGLE, 'EncoderDecoder'),
    (dict(
        backbone=tiny_models.BACKBONE,
        decode_head=tiny_models.PSP_HEAD,
        auxiliary_head=tiny_models.FCN_HEAD), 'EncoderDecoder'),
    (tiny_models.CASCADE, 'CascadeEncoderDecoder'),
])
def test_network_is_the_stock_one(network, stock_type):
    checkpoint = trained_checkpoint(training_config(network))
    published, config = publish(checkpoint)
    assert config.model.type == stock_type
    assert config.model.data_preprocessor == dict(
        type='SegDataPreProcessor',
        mean=[120., 110., 100.],
        std=[60., 55., 50.],
        bgr_to_rgb=True,
        size=(32, 32))
    assert config.model.pretrained is None
    model = MODELS.build(config.model)
    assert type(model).__module__.startswith('mmseg.')
    model.load_state_dict(published['state_dict'], strict=True)
    image = torch.rand(1, 3, 32, 32)
    trained = MODELS.build(
        Config.fromstring(checkpoint['meta']['cfg'], '.py').model)
    trained.load_state_dict(checkpoint['state_dict'])
    expected, scores = (
        network.eval()(image, mode='tensor') for network in (trained, model))
    assert torch.equal(scores, expected) and scores.std() > 0.01


@needs_mmpretrain
def test_networks_of_this_package_are_published_with_its_import():
    import_mmpretrain()
    network = dict(
        backbone=dict(tiny_dinov2.BACKBONE, frozen=True),
        decode_head=tiny_dinov2.DPT_HEAD)
    # without batch norms there is nothing to settle
    published, config = publish(
        trained_checkpoint(training_config(network), lambda model: model))
    assert config.model.type == 'EncoderDecoder'
    assert config.custom_imports.imports == ['mmseg.models', 'mmseg_dcc']
    model = MODELS.build(config.model)
    model.load_state_dict(published['state_dict'], strict=True)


def test_config_and_checkpoint_know_nothing_of_this_package():
    published, config = publish(
        trained_checkpoint(training_config(tiny_models.SINGLE)))
    meta = published['meta']
    assert set(published) == {'state_dict', 'meta'}
    assert meta['cfg'] == config.pretty_text
    for word in ('dcc', 'DCC', 'Semi', 'FolderSeg', 'Unlabeled', 'projector',
                 'memory_bank', 'Warmup', 'Randomness', '_scope_',
                 'torchvision'):
        assert word not in repr(meta), word
        assert not any(word in name for name in published['state_dict'])
    # modules of others stay
    assert config.custom_imports.imports == ['mmseg.models']
    expected = dict(
        classes=['sky', 'tree', 'road'],
        palette=[[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    assert meta['dataset_meta'] == expected
    dataset = config.test_dataloader.dataset
    assert dataset.to_dict() == dict(
        type='BaseSegDataset', pipeline=TEST_PIPELINE, metainfo=expected)
    assert [step.type for step in config.test_pipeline
            ] == ['LoadImageFromFile', 'Resize', 'PackSegInputs']


def test_data_of_a_stock_data_set_stay():
    config = publish(
        trained_checkpoint(
            training_config(tiny_models.SINGLE, 'PascalVOCDataset')))[1]
    dataset = config.test_dataloader.dataset
    assert dataset.type == 'PascalVOCDataset'
    assert dataset.data_root == 'data/mine'
    assert config.test_evaluator.type == 'IoUMetric'
    assert config.test_cfg.type == 'TestLoop'


def test_terms_are_dropped():
    """Terms are dropped whatever they hold."""
    checkpoint = trained_checkpoint(training_config(tiny_models.SINGLE))
    checkpoint['state_dict']['terms.cps.partner.conv1.weight'] = (
        torch.zeros(1))
    cfg = Config.fromstring(checkpoint['meta']['cfg'], '.py')
    cfg.model.update(
        type='SemiEncoderDecoder',
        sup_weight=0.5,
        terms=dict(cps=dict(type='CrossPseudo')))
    checkpoint['meta']['cfg'] = cfg.pretty_text
    published, config = publish(checkpoint)
    assert not {'terms', 'sup_weight'}.intersection(config.model)
    assert not any('terms' in name for name in published['state_dict'])
    assert len(published['state_dict']) == len(
        MODELS.build(config.model).state_dict())


PATHS = {
    'DCCSegmentor': 'mmseg_dcc.models.DCCSegmentor',
    'SemiSegDataPreProcessor':
    'mmseg_dcc.models.semi_data_preprocessor.SemiSegDataPreProcessor',
    'ResNet': 'mmseg.models.backbones.resnet.ResNet',
    'FolderSegDataset': 'mmseg_dcc.datasets.FolderSegDataset',
    'PascalVOCDataset': 'mmseg.datasets.PascalVOCDataset',
    'LoadImageFromFile': 'mmcv.transforms.LoadImageFromFile',
    'LoadAnnotations': 'mmseg.datasets.transforms.LoadAnnotations',
    'PackSegInputs': 'mmseg.datasets.PackSegInputs',
    'PairedRandomCrop': 'mmseg_dcc.datasets.PairedRandomCrop',
}


def in_pure_python(config):
    """Config with types as dotted paths, as mmengine dumps classes."""
    def with_paths(part):
        if isinstance(part, dict):
            return {
                key: PATHS.get(value, value)
                if key == 'type' else with_paths(value)
                for key, value in part.items()
            }
        if isinstance(part, list):
            return [with_paths(value) for value in part]
        return part

    return Config(dict(with_paths(config.to_dict()), default_scope=None))


@pytest.mark.parametrize('dataset', ['FolderSegDataset', 'PascalVOCDataset'])
def test_config_in_pure_python(dataset):
    config = training_config(tiny_models.SINGLE, dataset)
    expected, stock = publish(trained_checkpoint(config))
    published, found = publish(trained_checkpoint(in_pure_python(config)))
    assert found.to_dict() == stock.to_dict()
    assert published['state_dict'].keys() == expected['state_dict'].keys()


def test_classes_of_others_keep_their_paths():
    config = training_config(tiny_models.SINGLE)
    config.test_dataloader.dataset.pipeline[1].type = (
        'torchvision_like.transforms.Resize')
    config.tta_model = dict(type='torch.nn.Identity')
    found = publish(trained_checkpoint(config))[1]
    assert found.tta_model.type == 'torch.nn.modules.linear.Identity'
    assert found.test_pipeline[1].type == 'torchvision_like.transforms.Resize'


@pytest.mark.parametrize('as_written', [lambda config: config,
                                        in_pure_python])
def test_what_has_no_stock_counterpart_is_named(as_written):
    config = training_config(
        tiny_models.SINGLE,
        tta_pipeline=[
            dict(type='TestTimeAug', transforms=[[dict(type='RandomFlip')],
                                                 [dict(
                                                     type='PairedRandomCrop')]])
        ])
    with pytest.raises(ValueError, match='PairedRandomCrop of mmseg_dcc.*'
                       'tta_pipeline'):
        publish(trained_checkpoint(as_written(config)))


def test_incomplete_checkpoints():
    checkpoint = trained_checkpoint(training_config(tiny_models.SINGLE))
    del checkpoint['state_dict']['backbone.conv1.weight']
    with pytest.raises(ValueError, match='lacks 1 .*backbone.conv1.weight'):
        publish(checkpoint)
    with pytest.raises(ValueError, match='no config in its meta'):
        publish(dict(state_dict={}))


def test_old_torch_is_told_what_is_needed(tmp_path, monkeypatch):
    monkeypatch.delattr(torch.serialization,
                        'get_unsafe_globals_in_checkpoint', raising=False)
    monkeypatch.setattr(torch, '__version__', '2.1.2')
    monkeypatch.setattr(torch, 'load', None)  # not even tried
    monkeypatch.setattr(
        sys, 'argv', ['publish_model.py',
                      str(tmp_path / 'epoch_1.pth'),
                      str(tmp_path / 'model.pth')])
    with pytest.raises(SystemExit, match='torch >= 2.6, got 2.1.2'):
        TOOL.main()


def write_training(folder):
    """Writes a training; returns paths of config, checkpoint and image."""
    config = training_config(tiny_models.SINGLE)
    trained = trained_checkpoint(config)
    trained['meta']['dataset_meta'] = dict(
        DATASET_META, palette=DATASET_META['palette'].tolist())
    torch.save(trained, folder / 'epoch_1.pth')
    noise = np.random.default_rng(0).integers(0, 256, (12, 16, 3), np.uint8)
    Image.fromarray(noise.repeat(4, 0).repeat(4, 1)).save(folder / 'image.png')
    return config, folder / 'epoch_1.pth', folder / 'image.png'


@reads_trainings_safely
def test_inferencer_with_this_package(tmp_path):
    """For a training and a published model, without the full mmcv."""
    config, checkpoint, image = write_training(tmp_path)
    config.dump(str(tmp_path / 'train.py'))
    published, _ = publish(torch.load(checkpoint, weights_only=True))
    write_published(published, tmp_path / 'model.pth')
    first, second = (
        MMSegInferencer(str(tmp_path / name), str(tmp_path / weights),
                        device='cpu')(str(image))['predictions']
        for name, weights in (('train.py', 'epoch_1.pth'),
                              ('model.py', 'model.pth')))
    assert len(np.unique(first)) > 1 and (first == second).all()


@pytest.mark.slow
@reads_trainings_safely
def test_plain_mmseg_predicts_the_same(run, tmp_path, monkeypatch, capsys):
    config, checkpoint, image = write_training(tmp_path)
    weights = tmp_path / 'model.pth'
    config.test_pipeline = config.test_dataloader.dataset.pipeline[:2] + [
        dict(type='PackSegInputs')
    ]
    expected = inference_model(
        init_model(config, str(checkpoint), device='cpu'), str(image))
    expected = expected.seg_logits.data.numpy()
    assert len(np.unique(expected.argmax(0))) > 1

    monkeypatch.setattr(
        sys, 'argv', ['publish_model.py',
                      str(checkpoint), str(weights)])
    TOOL.main()
    printed = capsys.readouterr().out
    assert '7 weights that only training needs were dropped' in printed
    assert 'mmseg with the full mmcv loads both' in printed
    run(sys.executable,
        '-c',
        PLAIN_MMSEG,
        weights.with_suffix('.py'),
        weights,
        image,
        tmp_path / 'results.npz',
        PYTHONPATH=os.environ.get('MMCV_FULL_SITE', ''))
    results = np.load(tmp_path / 'results.npz')
    assert results['classes'].tolist() == ['sky', 'tree', 'road']
    assert (results['scores'] == expected).all()
    for name in ('inferencer', 'checkpoint_alone'):
        assert (results[name] == expected.argmax(0)).all()
