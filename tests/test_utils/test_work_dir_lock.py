"""Tests of ``mmseg_dcc/utils/work_dir_lock.py``, with real processes."""
import json
import multiprocessing
import os
import signal
import socket
import time

import pytest

from mmseg_dcc.utils import work_dir_lock
from mmseg_dcc.utils.input_error import InputError
from mmseg_dcc.utils.work_dir_lock import (
    LOCK_FILE,
    lock_work_dir,
    process_rank,
)

FORK = multiprocessing.get_context('fork')


def hold(work_dir, holds):
    with lock_work_dir(work_dir):
        # as the workers of a data loader, which outlive a killed parent
        FORK.Process(target=time.sleep, args=(60, )).start()
        holds.set()
        time.sleep(60)


@pytest.fixture
def holder(tmp_path):
    """Another process that trains in the folder ``run``."""
    holds = FORK.Event()
    process = FORK.Process(target=hold, args=(tmp_path / 'run', holds))
    process.start()
    assert holds.wait(30)
    return process


def write_lock(work_dir, **content):
    work_dir.mkdir(exist_ok=True)
    (work_dir / LOCK_FILE).write_text(json.dumps(content))


def test_second_training_is_refused(holder, tmp_path):
    with pytest.raises(InputError) as refused, lock_work_dir(tmp_path / 'run'):
        pass
    for word in (str(tmp_path / 'run'), f'process {holder.pid} on',
                 socket.gethostname(), 'since 20', '--work-dir'):
        assert word in str(refused.value)
    assert 'rm ' not in str(refused.value)
    # a refused one does not remove the lock of the other
    assert json.loads((tmp_path / 'run' / LOCK_FILE).read_text()
                      )['pid'] == holder.pid
    with lock_work_dir(tmp_path / 'other'):
        pass


def test_dead_one_does_not_block(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    assert (tmp_path / 'run' / LOCK_FILE).exists()
    with lock_work_dir(tmp_path / 'run'):
        content = json.loads((tmp_path / 'run' / LOCK_FILE).read_text())
        assert content['pid'] == os.getpid()
    assert not (tmp_path / 'run' / LOCK_FILE).exists()


@pytest.mark.parametrize('end', [KeyboardInterrupt, SystemExit, ValueError])
def test_removed_however_it_ends(end, tmp_path):
    with pytest.raises(end), lock_work_dir(tmp_path):
        raise end
    assert not list(tmp_path.iterdir())


def test_pid_that_another_process_has_now(tmp_path):
    """The first process of a container always has the same id."""
    write_lock(tmp_path / 'run', pid=1, host=socket.gethostname())
    with lock_work_dir(tmp_path / 'run'):
        pass


@pytest.mark.parametrize('text', ['', '{"pid": 1', '[]', '{}'])
def test_cut_off_by_a_full_disk(text, tmp_path):
    (tmp_path / LOCK_FILE).write_text(text)
    with lock_work_dir(tmp_path):
        pass


def test_other_host(tmp_path):
    write_lock(tmp_path / 'a run', pid=12, host='node7', since='2020-01-01')
    path = tmp_path / 'a run' / LOCK_FILE
    with pytest.raises(InputError) as refused, lock_work_dir(path.parent):
        pass
    for word in ('process 12 on node7', '2020-01-01', f"rm '{path}'"):
        assert word in str(refused.value)
    path.unlink()
    with lock_work_dir(path.parent):
        pass


def test_file_system_without_locks(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(37, 'No locks available')

    monkeypatch.setattr(work_dir_lock.fcntl, 'lockf', no_locks)
    write_lock(tmp_path, pid=os.getppid(), host=socket.gethostname())
    with pytest.raises(InputError, match=f'process {os.getppid()} on'), \
            lock_work_dir(tmp_path):
        pass
    dead = FORK.Process(target=int)
    dead.start()
    dead.join()
    write_lock(tmp_path, pid=dead.pid, host=socket.gethostname())
    with lock_work_dir(tmp_path):
        pass


def test_rank_of_each_launcher(monkeypatch):
    for launcher, name in dict(
            pytorch='RANK', slurm='SLURM_PROCID',
            mpi='OMPI_COMM_WORLD_RANK').items():
        monkeypatch.setenv(name, '3')
        assert process_rank(launcher) == 3
    assert process_rank('none') == 0
