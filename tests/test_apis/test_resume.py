"""Tests of ``mmseg_dcc/apis/resume.py``: no checkpoint is overwritten."""
import sys
import zipfile

import pytest
import torch
from mmengine.config import Config

from mmseg_dcc.apis.resume import (
    checkpoint_to_resume,
    finished_message,
    is_intact,
    set_up_resume,
)
from mmseg_dcc.utils.work_dir_lock import LOCK_FILE, lock_work_dir
from tests.conftest import ROOT
from tests.tool_scripts import load_tool


@pytest.fixture
def work_dir(tmp_path):
    """Work dir with two checkpoints and a pointer to the newer one."""
    for number in (4, 12):
        torch.save(
            dict(state_dict=dict(x=torch.arange(1000.))),
            tmp_path / f'iter_{number}.pth')
    name(tmp_path, tmp_path / 'iter_12.pth')
    torch.save({}, tmp_path / 'best_mIoU_iter_99.pth')
    return tmp_path


def name(work_dir, path):
    (work_dir / 'last_checkpoint').write_text(str(path))


def cut_off(path, size=None):
    data = path.read_bytes()
    path.write_bytes(data[:len(data) // 2 if size is None else size])


def test_the_named_one(work_dir, warnings_logged):
    assert checkpoint_to_resume(work_dir) == str(work_dir / 'iter_12.pth')
    name(work_dir, work_dir / 'iter_4.pth')
    assert checkpoint_to_resume(work_dir) == str(work_dir / 'iter_4.pth')
    assert not warnings_logged()


@pytest.mark.parametrize('damage', [
    lambda path: path.mkdir(),
    lambda path: path.symlink_to('/gone'),
    lambda path: path.write_bytes(b''),
    # an archive, but no checkpoint
    lambda path: zipfile.ZipFile(path, 'w').close(),
])
def test_something_else_of_that_name(damage, work_dir, warnings_logged):
    newest = work_dir / 'iter_12.pth'
    newest.unlink()
    damage(newest)
    found = checkpoint_to_resume(str(work_dir))
    assert found == str(work_dir / 'iter_4.pth')
    warning, = warnings_logged()
    assert found in warning


def test_name_in_another_encoding(work_dir, warnings_logged):
    (work_dir / 'last_checkpoint').write_bytes('iter_4.pth'.encode('utf-16'))
    assert checkpoint_to_resume(work_dir) == str(work_dir / 'iter_12.pth')


@pytest.mark.parametrize('text', [None, '', ' \n', '/gone/iter_20.pth'])
def test_name_is_lost(text, work_dir, warnings_logged):
    if text is None:
        (work_dir / 'last_checkpoint').unlink()
    else:
        name(work_dir, text)
    # by number: 12 comes before 4 in the alphabet
    assert checkpoint_to_resume(work_dir) == str(work_dir / 'iter_12.pth')
    assert 'last_checkpoint is missing, empty or' in warnings_logged()[0]


def test_folder_that_has_moved(work_dir, warnings_logged):
    name(work_dir, '/old/place/iter_4.pth')
    assert checkpoint_to_resume(work_dir) == str(work_dir / 'iter_4.pth')
    assert not warnings_logged()


@pytest.mark.parametrize('size', [0, 10, None])
def test_newest_is_cut_off(size, work_dir, warnings_logged):
    cut_off(work_dir / 'iter_12.pth', size)
    assert checkpoint_to_resume(work_dir) == str(work_dir / 'iter_4.pth')
    warning, = warnings_logged()
    assert 'iter_12.pth is cut off' in warning and 'iter_4.pth' in warning


def test_flipped_bits(work_dir):
    path = work_dir / 'iter_12.pth'
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert not is_intact(path)
    assert checkpoint_to_resume(work_dir) == str(work_dir / 'iter_4.pth')


def test_none_is_intact(work_dir):
    for number in (4, 12):
        cut_off(work_dir / f'iter_{number}.pth')
    with pytest.raises(ValueError, match='none of .*iter_12.*iter_4.*intact'):
        checkpoint_to_resume(work_dir)


def test_nothing_to_go_on_from(tmp_path):
    assert checkpoint_to_resume(tmp_path) is None
    assert checkpoint_to_resume(tmp_path / 'none') is None


def test_epochs(tmp_path):
    for number in (2, 10):
        torch.save({}, tmp_path / f'epoch_{number}.pth')
    assert checkpoint_to_resume(tmp_path) == str(tmp_path / 'epoch_10.pth')


def test_in_the_middle_of_an_epoch(tmp_path):
    """It is newer than the end of the last epoch, older than its own end."""
    names = ('epoch_2.pth', 'epoch_2_iter_900.pth', 'epoch_3.pth')
    for number, name_ in enumerate(names):
        torch.save({}, tmp_path / name_)
        assert checkpoint_to_resume(tmp_path) == str(
            tmp_path / names[number])


@pytest.mark.parametrize('name_, train_cfg, finished', [
    ('iter_12.pth', dict(max_iters=12), True),
    ('iter_12.pth', dict(max_iters=13), False),
    ('epoch_3.pth', dict(max_epochs=3), True),
    ('epoch_2.pth', dict(max_epochs=3), False),
    ('epoch_2_iter_900.pth', dict(max_epochs=2), False),
    ('mine.pth', dict(max_iters=1), False),
    (None, dict(max_iters=12), False),
])
def test_finished(name_, train_cfg, finished):
    path = name_ and f'a run/{name_}'
    message = finished_message(path, Config(dict(train_cfg=train_cfg)),
                               'python tools/test.py c.py')
    assert bool(message) == finished
    if finished:
        assert f"python tools/test.py c.py '{path}'" in message


@pytest.mark.parametrize('checkpoint, options, begin, expected', [
    ('iter_4.pth', None, None, ('iter_4.pth', True)),
    (None, None, None, (None, False)),
    # weights to begin with are no training to go on with
    (None, None, 'other.pth', ('other.pth', False)),
    ('iter_4.pth', None, 'other.pth', ('iter_4.pth', True)),
    # as in mmseg: the checkpoint is named on the command line
    (None, dict(load_from='mine.pth'), 'mine.pth', ('mine.pth', True)),
    (None, dict(seed=1), 'other.pth', ('other.pth', False)),
])
def test_weights_to_begin_with(checkpoint, options, begin, expected):
    cfg = Config(dict(load_from=begin))
    set_up_resume(cfg, checkpoint, options)
    assert (cfg.load_from, cfg.resume) == expected


@pytest.fixture
def train_tool(monkeypatch, in_data_dir):
    """Function that calls ``tools/train.py``; its runner must not start."""

    def run(work_dir, *options):
        monkeypatch.setattr(sys, 'argv', [
            'train.py',
            str(ROOT / 'configs/demo/deeplabv3plus_small_demo_dcc.py'),
            '--work-dir', str(work_dir), *options])
        return load_tool('train.py').main()

    return run


def test_resume_of_a_finished_training(train_tool, tmp_path, capsys):
    torch.save({}, tmp_path / 'iter_1600.pth')
    name(tmp_path, tmp_path / 'iter_1600.pth')
    before = sorted(tmp_path.iterdir())
    train_tool(tmp_path, '--resume')
    line, = capsys.readouterr().out.strip().splitlines()[-1:]
    assert 'finished (iter 1600 of 1600)' in line
    assert str(tmp_path / 'iter_1600.pth') in line and 'test.py' in line
    assert sorted(tmp_path.iterdir()) == before


def test_second_training_in_the_work_dir(train_tool, tmp_path):
    (tmp_path / LOCK_FILE).write_text('{"pid": 3, "host": "node7"}')
    with pytest.raises(SystemExit, match='Error: .*process 3 on node7'):
        train_tool(tmp_path, '--resume')
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_FILE]


def test_other_processes_share_the_lock(train_tool, tmp_path, monkeypatch,
                                        capsys):
    """The first process holds the lock; the others do not meet it."""
    torch.save({}, tmp_path / 'iter_1600.pth')
    name(tmp_path, tmp_path / 'iter_1600.pth')
    with lock_work_dir(tmp_path):
        held = (tmp_path / LOCK_FILE).read_text()
        monkeypatch.setenv('RANK', '1')
        train_tool(tmp_path, '--resume', '--launcher', 'pytorch')
        assert (tmp_path / LOCK_FILE).read_text() == held
    assert 'finished' not in capsys.readouterr().out
