"""Tests of ``mmseg_dcc/utils/atomic_file.py`` and of its users.

File sizes are limited for the process, like on a full disk.
"""
import errno
import multiprocessing
import os
import resource
import signal

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.fileio import get_file_backend

from mmseg_dcc.apis.pseudo_masks import claim_folder
from mmseg_dcc.apis.publish import write_published
from mmseg_dcc.evaluation import PseudoMaskWriter
from mmseg_dcc.utils import atomic_file
from mmseg_dcc.utils.atomic_file import written_atomically

LIMIT = 4


def write_text(folder):
    with written_atomically(folder / 'text.txt') as path:
        path.write_text('too long')


def write_mask(folder):
    writer = PseudoMaskWriter(0.5)
    writer.dataset_meta = {}
    noise = np.random.default_rng(0).integers(0, 200, (1, 64, 64))
    writer.process({}, [
        dict(
            pred_sem_seg=dict(data=torch.from_numpy(noise)),
            confidence=dict(data=torch.ones(1, 64, 64)),
            seg_map_path=str(folder / 'mask.png'))
    ])


def write_marker(folder):
    claim_folder(folder, dict(checkpoints=['a.pth']))


def write_model(folder):
    write_published(
        dict(state_dict=dict(x=torch.ones(9)), meta=dict(cfg='key = 1\n')),
        folder / 'model.pth')


def limited(write, folder):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, before[1]))
    try:
        write(folder)
    except OSError as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        os.write(1, str(error).encode())
        os._exit(3)


@pytest.mark.parametrize('write, name', [
    (write_text, 'text.txt'), (write_mask, 'mask.png'),
    (write_marker, 'pseudo_masks.json'), (write_model, 'model.p')])
def test_full_disk_leaves_no_file(write, name, tmp_path, capfd):
    process = multiprocessing.get_context('fork').Process(
        target=limited, args=(write, tmp_path / 'out'))
    process.start()
    process.join()
    assert process.exitcode == 3
    assert not list((tmp_path / 'out').iterdir())
    message = capfd.readouterr().out
    assert f'{tmp_path}/out/{name}' in message
    assert 'could not be written' in message and '.unfinished' not in message
    write(tmp_path / 'out')
    assert (tmp_path / 'out' / name).exists() or write is write_model


def test_model_and_config(tmp_path):
    write_model(tmp_path)
    assert torch.load(tmp_path / 'model.pth')['state_dict']['x'].sum() == 9
    assert Config.fromfile(tmp_path / 'model.py').key == 1
    assert len(list(tmp_path.iterdir())) == 2


def test_quota_that_is_reported_late(tmp_path, monkeypatch):
    """Network file systems report it when the bytes are sent."""

    def full(_):
        raise OSError(errno.EDQUOT, 'Disk quota exceeded')

    monkeypatch.setattr(atomic_file.os, 'fsync', full)
    with pytest.raises(OSError, match='quota.*text.txt'):
        write_text(tmp_path)
    backend = get_file_backend(backend_args=dict(backend='AtomicLocalBackend'))
    with pytest.raises(OSError, match='epoch_1.pth.*quota'):
        backend.put(b'content', tmp_path / 'epoch_1.pth')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('write', [
    write_text,
    lambda folder: get_file_backend(
        backend_args=dict(backend='AtomicLocalBackend')).put(
            b'content', folder / 'epoch_1.pth')
])
def test_bytes_are_on_the_disk_before_the_name(write, tmp_path, monkeypatch):
    events = []
    for name in ('fsync', 'replace'):
        call = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *args, name=name, call=call:
            (events.append(name), call(*args)))
    write(tmp_path)
    assert events == ['fsync', 'replace']


def test_error_of_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError, match='No such.*source'), \
            written_atomically(tmp_path / 'out'):
        open(tmp_path / 'source')


def test_all_files_get_ordinary_permissions(tmp_path):
    with written_atomically(tmp_path / 'a') as path:
        path.write_text('')
    (tmp_path / 'b').write_text('')
    assert (tmp_path / 'a').stat().st_mode == (
        tmp_path / 'b').stat().st_mode
