"""Tests of docs/faults.md: broken files, full disks, dead processes."""
import re
import resource
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from .. import tiny_data
from ..commands import children
from ..conftest import ROOT, reads_trainings_safely
from ..own_config import write_own_config
from .test_tools import CONFIG, SMALL, free_port

pytestmark = pytest.mark.slow

TRAIN = (sys.executable, ROOT / 'tools/train.py')
BROKEN = ('cut.jpg', 'empty.jpg', 'text.jpg', 'forbidden.jpg')
ODD = ('16bit.png', 'cmyk.jpg', 'gray.jpg', 'rgba.png', 'rotated.jpg',
       'point.png', 'wide.png', 'palette.png')


def write_kinds(folder):
    """Writes twelve files of all kinds and a folder with an image's name."""
    rng = np.random.default_rng(0)
    photo = Image.fromarray(
        rng.integers(0, 255, (12, 16, 3), np.uint8).repeat(8, 0).repeat(8, 1))
    folder.mkdir()
    photo.save(folder / 'cut.jpg', progressive=True)
    content = (folder / 'cut.jpg').read_bytes()
    (folder / 'cut.jpg').write_bytes(content[:len(content) // 2])
    (folder / 'empty.jpg').write_bytes(b'')
    (folder / 'text.jpg').write_text('no image')
    # no one may read it, not even root
    (folder / 'forbidden.jpg').symlink_to('/proc/self/mem')
    (folder / 'folder.jpg').mkdir()
    Image.fromarray(np.arange(9000, dtype=np.uint16).reshape(90, 100)).save(
        folder / '16bit.png')
    photo.convert('CMYK').save(folder / 'cmyk.jpg')
    photo.convert('L').save(folder / 'gray.jpg')
    photo.convert('RGBA').save(folder / 'rgba.png')
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.save(folder / 'rotated.jpg', exif=exif)
    photo.resize((1, 1)).save(folder / 'point.png')
    photo.resize((20000, 20)).save(folder / 'wide.png')
    photo.convert('P').save(folder / 'palette.png')


def test_twelve_kinds_of_files(run, tmp_path):
    tiny_data.make_own(tmp_path / 'own')
    write_kinds(tmp_path / 'own/kinds')
    config = write_own_config(
        tmp_path,
        data_root=str(tmp_path / 'own'),
        unlabeled_images='kinds',
        image_size=(128, 128),
        crop_size=(64, 64),
        max_iters=16,
        batch_size=4)
    out = run(*TRAIN, config, '--work-dir', tmp_path / 'run', '--cfg-options',
              'train_dataloader.num_workers=2',
              'train_dataloader.dataset.datasets.1.max_unreadable_ratio=0.5',
              'custom_hooks.0.warmup_iters=1', 'train_cfg.val_interval=16',
              'default_hooks.logger.interval=1',
              'default_hooks.checkpoint.interval=16')
    done = re.findall(r'Iter\(train\) \[ *(\d+)/16\]', out)
    assert done == [str(i + 1) for i in range(16)]
    log, = (tmp_path / 'run').glob('*/*.log')
    for text in (out, log.read_text()):
        assert len(re.findall('Unreadable unlabeled image /', text)) == 4
        for name in BROKEN:
            assert len(re.findall(rf'Unreadable.*/{name}', text)) == 1
        assert 'Unreadable unlabeled images: 4 of 12.' in text
    assert not any(name in out for name in ODD)


def test_full_disk_then_resume(start, run, tmp_path):
    options = ('--work-dir', tmp_path, '--cfg-options', *SMALL,
               'train_cfg.max_epochs=3', 'train_cfg.val_interval=3')
    training = start(*TRAIN, CONFIG, *options)
    training.read_until(r'Epoch\(train\)\s+\[2\]\[\s*1/5\]')
    size = (tmp_path / 'epoch_1.pth').stat().st_size
    resource.prlimit(training.process.pid, resource.RLIMIT_FSIZE,
                     (size // 2, ) * 2)
    out = training.read_to_end()
    assert training.process.returncode == 1
    last_line = out.strip().splitlines()[-1]
    assert 'epoch_2.pth' in last_line and '--resume' in last_line
    assert {path.name for path in tmp_path.glob('*.pth*')} == {'epoch_1.pth'}
    # a process that is killed while it writes leaves this
    (tmp_path / 'epoch_2.pth.part').write_bytes(b'half')
    out = run(*TRAIN, CONFIG, '--resume', *options)
    assert 'resumed epoch: 1, iter: 5' in out
    assert {path.name for path in tmp_path.glob('*.pth*')
            } == {'epoch_2.pth', 'epoch_3.pth'}


def test_dead_worker_ends_the_training(start, tmp_path):
    training = start(*TRAIN, CONFIG, '--work-dir', tmp_path, '--cfg-options',
                     *SMALL,
                     'train_dataloader.batch_sampler.epoch_length=10000')
    training.read_until(r'Epoch\(train\)\s+\[1\]\[\s*3/10000\]')
    worker, *_ = children(training.process, 'train.py')
    worker.kill()
    out = training.read_to_end()
    assert training.process.returncode == 1
    # the others while a batch is handed over
    assert re.search(
        rf'DataLoader worker.*{worker.pid}|Connection\w+Error|EOFError',
        out), out[-4000:]


def test_dead_rank_ends_the_training(start, tmp_path):
    training = start(
        'bash',
        ROOT / 'tools/dist_train.sh',
        CONFIG,
        2,
        '--work-dir',
        tmp_path,
        '--cfg-options',
        *SMALL,
        'train_dataloader.batch_sampler.epoch_length=10000',
        PORT=str(free_port()))
    training.read_until(r'Epoch\(train\)\s+\[1\]\[\s*3/10000\]')
    first, second = children(training.process, 'train.py')
    second.kill()
    out = training.read_to_end()
    assert training.process.returncode != 0
    assert 'Signal 9 (SIGKILL)' in out and str(second.pid) in out


def test_checkpoint_with_nan_is_refused(run, tmp_path):
    checkpoint = tmp_path / 'nan.pth'
    torch.save(
        dict(state_dict={
            'decode_head.conv_seg.bias': torch.full((21, ), float('nan'))
        }), checkpoint)
    out = run(*TRAIN, CONFIG, '--work-dir', tmp_path, '--cfg-options', *SMALL,
              f'load_from={checkpoint}', returncode=1)
    assert 'weights of the model are NaN or infinite: decode_head.conv_' in out
    assert not list(tmp_path.glob('epoch_*'))


def test_nan_is_named(run, tmp_path):
    checkpoint = tmp_path / 'overflowing.pth'
    # finite, but not what they make of the features
    weight = torch.full((21, 16, 1, 1), 3e38)
    torch.save(
        dict(state_dict={'decode_head.conv_seg.weight': weight}), checkpoint)
    out = run(*TRAIN, CONFIG, '--work-dir', tmp_path, '--cfg-options', *SMALL,
              f'load_from={checkpoint}', returncode=1)
    message = out[out.rindex('FloatingPointError'):]
    assert 'iteration 1 (epoch 1)' in message
    assert 'sup_decode.loss_ce' in message
    assert len(re.findall(r'JPEGImages/2007_\d+\.jpg', message)) == 2
    assert not list(tmp_path.glob('epoch_*'))


class Malicious:
    """Object that leaves a trace when its pickle is loaded."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return exec, (f'open({str(self.trace)!r}, "w")', )


@reads_trainings_safely
@pytest.mark.parametrize('way', ['resume', 'load_from', 'test', 'publish'])
def test_malicious_checkpoint_is_refused(way, run, tmp_path):
    checkpoint, trace = tmp_path / 'epoch_1.pth', tmp_path / 'trace'
    torch.save(dict(state_dict={}, meta=Malicious(trace)), checkpoint)
    (tmp_path / 'last_checkpoint').write_text(str(checkpoint))
    work_dir = ('--work-dir', tmp_path)
    command = dict(
        resume=(*TRAIN, CONFIG, '--resume', *work_dir, '--cfg-options',
                *SMALL),
        load_from=(*TRAIN, CONFIG, *work_dir, '--cfg-options', *SMALL,
                   f'load_from={checkpoint}'),
        test=(sys.executable, ROOT / 'tools/test.py', CONFIG, checkpoint,
              *work_dir, '--cfg-options', *SMALL),
        publish=(sys.executable, ROOT / 'tools/publish_model.py', checkpoint,
                 tmp_path / 'published.pth'))[way]
    out = run(*command, returncode=1)
    assert 'was not loaded' in out and 'exec' in out
    assert 'likely succeed' not in out
    assert not trace.exists()
    assert not (tmp_path / 'published.pth').exists()
