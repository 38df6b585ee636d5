"""Tests of the README's commands on tiny data: train, resume, test."""
import json
import os
import re
import signal
import sys
from pathlib import Path

import mmseg
import numpy as np
import pytest
import torch

from ..conftest import ROOT, reads_trainings_safely

pytestmark = pytest.mark.slow

CONFIG = ROOT / 'configs/dcc/deeplabv3plus_r50_voc_1-8.py'
MMSEG_TEST = Path(mmseg.__file__).parent / '.mim/tools/test.py'
STOCK = 'deeplabv3plus/deeplabv3plus_r50-d8_4xb4-20k_voc12aug-512x512.py'

# The published network and pipelines, at a size for a CPU.
SMALL = (
    'model.pretrained=None', 'model.backbone.depth=18',
    'model.backbone.base_channels=8', 'model.decode_head.in_channels=64',
    'model.decode_head.channels=16', 'model.decode_head.c1_in_channels=8',
    'model.decode_head.c1_channels=8',
    'model.data_preprocessor.size=(64,64)',
    'model.memory_bank.negatives_per_crop=20',
    # an untrained network is not confident of anything
    'model.loss_dc.confidence_threshold=0.',
    'train_dataloader.batch_size=4',
    'train_dataloader.batch_sampler.epoch_length=5',
    'train_dataloader.num_workers=1',
    'train_dataloader.dataset.datasets.0.pipeline.2.scale=(128,128)',
    'train_dataloader.dataset.datasets.0.pipeline.3.crop_size=(64,64)',
    'train_dataloader.dataset.datasets.1.pipeline.1.scale=(128,128)',
    'train_dataloader.dataset.datasets.1.pipeline.2.crop_size=(64,64)',
    'val_dataloader.num_workers=1', 'test_dataloader.num_workers=1',
    'default_hooks.logger.interval=1', 'default_hooks.checkpoint.interval=1',
    'custom_hooks.0.warmup_epochs=1', 'train_cfg.max_epochs=4',
    'train_cfg.val_interval=4', 'param_scheduler.0.end=4')


def miou(text):
    return float(re.findall(r'mIoU: ([\d.]+)', text)[-1])


@pytest.fixture(scope='module')
def trained(start, run, tmp_path_factory):
    """Training of 20 iterations, killed in epoch 3 and resumed."""
    work_dir = tmp_path_factory.mktemp('trained')
    command = [
        sys.executable, ROOT / 'tools/train.py', CONFIG, '--work-dir',
        work_dir, '--cfg-options', *SMALL
    ]
    training = start(*command, PYTHONWARNINGS='')
    training.read_until(r'Epoch\(train\)\s+\[3\]\[\s*2/5\]')
    training.kill()
    before = training.read_to_end()
    assert training.process.returncode == -signal.SIGKILL, before[-4000:]
    assert (work_dir / 'epoch_2.pth').exists()
    return dict(
        work_dir=work_dir,
        checkpoint=work_dir / 'epoch_4.pth',
        before=before,
        after=run(*command[:3], '--resume', *command[3:]))


def until_first_iteration(output):
    begin, found, _ = output.partition('Epoch(train)')
    assert found
    return begin.splitlines()


def test_start_fits_on_a_screen(trained):
    start = until_first_iteration(trained['before'])
    assert len(start) <= 25
    text = '\n'.join(start)
    for part in ('M parameters', 'Images: 4 labeled', 'Schedule: 20 iter',
                 'Validation: 2 images', 'Device: ', 'Checkpoints: '):
        assert part in text, text
    assert 'Warning: ' not in text
    log = re.search('Log, with environment and config: (.*)', text).group(1)
    log = Path(log).read_text()
    for part in ('System environment:', 'Config:', 'custom_hooks=[',
                 'Hooks will be executed', 'py.warnings - WARNING'):
        assert part in log, part
    assert '\n'.join(start[-5:-1]) in log


def test_warmup_then_unsupervised_loss(trained):
    first_epochs = re.findall(
        r'Epoch\(train\)\s+\[(\d)\]\[\s*\d/5\].*unsup_loss_dc: ([\d.]+)',
        trained['before'])
    assert {float(v) for epoch, v in first_epochs if epoch == '1'} == {0.}
    assert any(float(v) > 0 for epoch, v in first_epochs if epoch == '2')
    assert 'warm-up ends at iteration 5' in trained['before']


def test_killed_training_resumes(trained):
    assert 'resumed epoch: 2, iter: 10' in trained['after']
    epochs = re.findall(r'Epoch\(train\)\s+\[(\d)\]\[\s*\d/5\]',
                        trained['after'])
    assert epochs == ['3'] * 5 + ['4'] * 5
    rates = [
        float(rate) for text in (trained['before'], trained['after'])
        for rate in re.findall(r'Epoch\(train\).*? lr: ([\d.e+-]+)', text)
    ]
    # epoch 3 begins anew, after which the schedule goes on falling
    resumed = rates[-10:]
    assert resumed == sorted(resumed, reverse=True)
    assert resumed[0] < rates[0]


def same_bits(first, second):
    """Whether two checkpoints are equal, except for times."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(
            same_bits(first[key], second[key]) for key in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(
            same_bits, first, second))
    return first == second


def assert_same_training(*checkpoints):
    loaded = [
        torch.load(path, weights_only=True) for path in checkpoints
    ]
    for key in ('state_dict', 'optimizer', 'param_schedulers'):
        assert same_bits(*(checkpoint[key] for checkpoint in loaded)), key


@reads_trainings_safely
def test_killed_and_resumed_ends_with_the_same_bits(trained, run, tmp_path):
    out = run(sys.executable, ROOT / 'tools/train.py', CONFIG, '--work-dir',
              tmp_path, '--cfg-options', *SMALL)
    assert_same_training(tmp_path / 'epoch_4.pth', trained['checkpoint'])
    assert miou(out) == miou(trained['after'])


@reads_trainings_safely
def test_checkpoint_loads_safely_and_holds_the_bank(trained):
    checkpoint = torch.load(trained['checkpoint'], weights_only=True)
    state = checkpoint['state_dict']
    assert state['terms.dc.bank.features'].shape == (2, 40, 128)
    # 15 steps after the warm-up, 2 slots
    assert state['terms.dc.bank.position'] == 1
    assert (state['terms.dc.bank.labels'] >= 0).any()
    assert checkpoint['optimizer']['state']


def test_our_test_tool(trained, run):
    folder = trained['work_dir'] / 'test'
    out = run(sys.executable, ROOT / 'tools/test.py', CONFIG,
              trained['checkpoint'], '--work-dir', folder, '--out',
              folder / 'masks', '--show-dir', folder / 'pictures',
              '--cfg-options', *SMALL)
    assert miou(out) == miou(trained['after'])
    assert len(list((folder / 'masks').iterdir())) == 2
    assert len(list(folder.rglob('pictures/**/*.png'))) == 2
    # as in the work dir of the training, whose config must stay
    assert (folder / f'test_{Path(CONFIG).name}').is_file()
    assert not (folder / Path(CONFIG).name).exists()


def test_stock_test_tool_on_our_config(trained, run):
    out = run(sys.executable, MMSEG_TEST, CONFIG, trained['checkpoint'],
              '--work-dir', trained['work_dir'] / 'stock', '--cfg-options',
              *SMALL)
    assert miou(out) == miou(trained['after'])


def write_stock_config(folder):
    """Writes mmseg's own config in the size of ours, without this plugin."""
    path = folder / 'stock.py'
    path.write_text(f"""
_base_ = 'mmseg::{STOCK}'
model = dict(
    data_preprocessor=dict(size=(64, 64)),
    backbone=dict(type='ResNet', depth=18, base_channels=8,
                  strides=(1, 2, 2, 1), dilations=(1, 1, 1, 2)),
    decode_head=dict(in_channels=64, channels=16, c1_in_channels=8,
                     c1_channels=8, dilations=(1, 6, 12, 18)),
    auxiliary_head=None, pretrained=None)
test_dataloader = dict(num_workers=1, persistent_workers=False, dataset=dict(
    pipeline=[dict(type='LoadImageFromFile'), dict(type='LoadAnnotations'),
              dict(type='PackSegInputs')]))
""")
    return path


def publish(trained, run):
    weights = trained['work_dir'] / 'weights.pth'
    run(sys.executable, ROOT / 'tools/publish_model.py',
        trained['checkpoint'], weights)
    return weights


@reads_trainings_safely
def test_published_weights_fit_the_stock_config(trained, run, tmp_path):
    from mmengine.config import Config
    from mmseg.registry import MODELS
    config = Config.fromfile(str(write_stock_config(tmp_path)))
    state = torch.load(publish(trained, run), weights_only=True)['state_dict']
    MODELS.build(config.model).load_state_dict(state, strict=True)


@pytest.mark.skipif(
    'MMCV_FULL_SITE' not in os.environ,
    reason='MMCV_FULL_SITE: a folder with the full mmcv')
class TestWithFullMmcv:

    @reads_trainings_safely
    @pytest.mark.parametrize('config', ['published', 'of mmseg'])
    def test_stock_tool_and_stock_config(self, trained, run, tmp_path,
                                         config):
        """Without this plugin, whose import would end the run."""
        weights = publish(trained, run)
        config = (
            weights.with_suffix('.py')
            if config == 'published' else write_stock_config(tmp_path))
        trap = tmp_path / 'trap/mmseg_dcc/__init__.py'
        trap.parent.mkdir(parents=True)
        trap.write_text("raise RuntimeError('the plugin was imported')")
        out = run(
            sys.executable, MMSEG_TEST, config, weights, '--work-dir',
            tmp_path,
            PYTHONPATH=f'{tmp_path}/trap:{os.environ["MMCV_FULL_SITE"]}')
        assert miou(out) == miou(trained['after'])

    def test_operators_are_left_alone(self, run):
        out = run(
            sys.executable, '-c', 'import mmseg_dcc, mmcv.ops, mmseg.models;'
            'print(mmcv.ops.__file__, mmcv.ops.nms.__module__)',
            PYTHONPATH=f'{os.environ["MMCV_FULL_SITE"]}:{ROOT}')
        assert 'mmcv/ops/__init__.py mmcv.ops.nms' in out


def test_inference_api(trained, in_data_dir):
    from mmengine.config import Config, DictAction
    from mmseg.apis import inference_model, init_model
    config = Config.fromfile(str(CONFIG))
    config.merge_from_dict({
        key: DictAction._parse_iterable(value)
        for key, value in (option.split('=', 1) for option in SMALL)
    })
    model = init_model(config, str(trained['checkpoint']), device='cpu')
    image = in_data_dir / 'data/VOCdevkit/VOC2012/JPEGImages/2008_000000.jpg'
    result = inference_model(model, str(image))
    assert result.pred_sem_seg.data.shape == (1, 96, 128)
    assert model.dataset_meta['classes'][15] == 'person'


def test_supervised_checkpoint_starts_dcc(run, tmp_path):
    twin = ROOT / 'configs/supervised/deeplabv3plus_r50_voc_1-8.py'
    options = [
        option for option in SMALL if not option.startswith(
            ('custom_hooks', 'model.loss_dc', 'model.memory_bank',
             'train_dataloader.dataset.datasets.1', 'train_cfg',
             'param_scheduler'))
    ]
    one = ('train_cfg.max_epochs=1', 'param_scheduler.0.end=1')
    run(sys.executable, ROOT / 'tools/train.py', twin, '--work-dir',
        tmp_path / 'supervised', '--cfg-options', *options, *one)
    out = run(sys.executable, ROOT / 'tools/train.py', CONFIG, '--work-dir',
              tmp_path / 'dcc', '--cfg-options', *SMALL,
              *one, f'load_from={tmp_path}/supervised/epoch_1.pth')
    missing = re.findall(r'missing keys in source state_dict: (.*)', out)
    assert len(missing) == 1
    for key in missing[0].split(', '):
        assert key.startswith('terms.')
    assert 'unexpected key' not in out


@reads_trainings_safely
def test_two_processes_train_resume_and_test(run, tmp_path):

    def train(folder, max_epochs, *options):
        return run('bash', ROOT / 'tools/dist_train.sh', CONFIG, 2,
                   '--work-dir', folder, *options, '--cfg-options', *SMALL,
                   'train_dataloader.batch_sampler.epoch_length=3',
                   f'train_cfg.max_epochs={max_epochs}',
                   PORT=str(free_port()),
                   PYTHONWARNINGS='')

    whole = train(tmp_path / 'whole', 3)
    assert len(until_first_iteration(whole)) <= 25
    assert '2 + 2 a batch on each of 2 process(es)' in whole
    # as a training that was killed after its second checkpoint
    (tmp_path / 'whole/epoch_2.pth').rename(tmp_path / 'epoch_2.pth')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'epoch_2.pth'))
    out = train(tmp_path, 3, '--resume')
    assert 'resumed epoch: 2, iter: 6' in out
    assert_same_training(tmp_path / 'epoch_3.pth',
                         tmp_path / 'whole/epoch_3.pth')
    state = torch.load(
        tmp_path / 'epoch_3.pth', weights_only=True)['state_dict']
    # 6 steps after the warm-up in 2 slots, each with the rows of 2 processes
    assert state['terms.dc.bank.labels'].shape == (2, 80)
    assert state['terms.dc.bank.position'] == 0
    tested = run('bash', ROOT / 'tools/dist_test.sh', CONFIG,
                 tmp_path / 'epoch_3.pth', 2, '--work-dir', tmp_path / 'test',
                 '--cfg-options', *SMALL, PORT=str(free_port()))
    # whatever running statistics the second process had
    assert miou(whole) == miou(out) == miou(tested)


def free_port():
    import socket
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return server.getsockname()[1]


def test_unfit_stride_is_named_before_the_warmup(run, tmp_path):
    stride = 'train_dataloader.dataset.datasets.1.pipeline.2.stride=4'
    out = run(
        sys.executable,
        ROOT / 'tools/train.py',
        CONFIG,
        '--work-dir',
        tmp_path,
        '--cfg-options',
        *SMALL,
        stride,
        returncode=1)
    assert 'Set PairedRandomCrop.stride=8' in out
    assert 'Epoch(train)' not in out


def test_missing_data_is_one_clear_message(run, tmp_path):
    out = run('bash', ROOT / 'tools/dist_train.sh', CONFIG, 2,
              '--cfg-options',
              'val_dataloader.dataset.data_root=elsewhere/VOC2012',
              returncode=1)
    assert out.startswith('There is no data set at elsewhere/VOC2012')
    assert 'VOCtrainval' in out and 'make_splits.py voc' in out
    assert 'Traceback' not in out


# The demo's training, shorter, with a second evaluation.
TINY = """
_base_ = '{base}'
poly_schedule = dict(_base_.poly_schedule, begin=0, end=8)
param_scheduler = [poly_schedule]
train_cfg = dict(max_iters=8, val_interval=6)
train_dataloader = dict(
    batch_size={batch_size}, num_workers=0,
    batch_sampler=dict(epoch_length=8))
"""
TINY_WARMUP = """
custom_hooks = [dict(type='SupervisedWarmupHook', warmup_iters=2)]
"""


def test_compare_tool(run, tmp_path):
    base = ROOT / 'configs/demo/deeplabv3plus_small_demo_{}.py'
    for method, batch_size in (('supervised', 2), ('dcc', 4)):
        text = TINY.format(
            base=str(base).format(method), batch_size=batch_size)
        (tmp_path / f'tiny_{method}.py').write_text(
            text + TINY_WARMUP * (method == 'dcc'))
    command = [
        sys.executable, ROOT / 'tools/paper/reproduce.py', '--configs',
        tmp_path / 'tiny_', '--work-dir', tmp_path, '--methods', 'supervised',
        'dcc', '--equal-cost', '--best'
    ]
    out = run(*command, seconds=600)
    results = json.loads((tmp_path / 'results.json').read_text())
    assert [*results] == ['supervised', 'dcc']
    assert all(0 < entry['mIoU'] < 100 for entry in results.values())
    equal = results['dcc']['equal_cost']
    # 2 + 6 * 3
    assert 0 < equal['mIoU'] < 100 and equal['length'] == '20 iterations'
    assert results['dcc']['best'] >= results['dcc']['mIoU']
    assert (tmp_path / 'comparison.png').stat().st_size > 1000
    masks = np.load(tmp_path / 'comparison.npz').files
    assert {name.rsplit('/', 1)[1] for name in masks} == {
        'ground truth', 'supervised', 'DCC', 'supervised, 20'
    }
    assert '| DCC |' in out and '3 trainings, 0 of them are done' in out
    again = run(*command)
    assert '| DCC |' in again and 'started' not in again
