"""Tests of ``tests/started_processes.py``: leftover processes are ended."""
import os
import sys
import time
from multiprocessing import resource_tracker

import psutil
import pytest
import torch.multiprocessing

from .started_processes import end_started_processes, started_processes

# The launcher waits for its sessions or leaves them without a parent. Each
# process writes its number.
TESTS = """
import subprocess
import time
from pathlib import Path

import psutil
import pytest

SESSION = 'setsid bash -c "echo \\\\$\\\\$ >>pids; sleep 1000; true"'
LAUNCHER = f'echo $$ >>pids; {SESSION} & {SESSION}'

def pids():
    path = Path('pids')
    return path.read_text().split() if path.exists() else []

def start(script):
    process = subprocess.Popen(['bash', '-c', script])
    while len(pids()) < 3:
        time.sleep(0.01)
    return process

@pytest.fixture(scope='module')
def of_module():
    start(f'{LAUNCHER}; true')

def fails():
    start(f'{LAUNCHER}; true')
    assert False

def fails_with_orphans():
    start(f'{LAUNCHER} &').wait()
    assert False

def times_out():
    start(f'{LAUNCHER}; true').wait(0.1)

def ends_with_the_session():
    start(f'{LAUNCHER}; true')
    pytest.exit('interrupted')

def passes(of_module):
    pass

test_first = FIRST

def test_second():
    assert len(pids()) == 3
    assert [pid for pid in pids() if psutil.pid_exists(int(pid))] == []
"""


@pytest.mark.slow
@pytest.mark.parametrize('first, returncode, summary', [
    ('fails', 1, '1 failed, 1 passed'),
    ('fails_with_orphans', 1, '1 failed, 1 passed'),
    ('times_out', 1, '1 failed, 1 passed'),
    ('passes', 0, '2 passed'),
    ('ends_with_the_session', 2, 'interrupted'),
])
def test_nothing_outlives_a_test(run, tmp_path, first, returncode, summary):
    path = tmp_path / 'test_trainings.py'
    path.write_text(TESTS.replace('FIRST', first))
    out = run(
        sys.executable,
        '-m',
        'pytest',
        '-p',
        'tests.started_processes',
        path,
        returncode=returncode,
        cwd=tmp_path)
    assert summary in out
    pids = [int(pid) for pid in (tmp_path / 'pids').read_text().split()]
    assert len(pids) == 3
    assert not any(psutil.pid_exists(pid) for pid in pids)


def wait_long(rank, path):
    """Process of a test with a child, like a worker that loads data."""
    child = torch.multiprocessing.get_context('fork').Process(
        target=time.sleep, args=(1000, ))
    child.start()
    path.write_text(f'{os.getpid()} {child.pid}\n')
    time.sleep(1000)


def test_spawned_and_forked_below(tmp_path):
    path = tmp_path / 'pids'
    path.touch()
    context = torch.multiprocessing.spawn(
        wait_long, args=(path, ), nprocs=1, join=False)
    while not path.read_text().endswith('\n'):
        context.join(0.01)  # raises if it has failed
    pids = [int(pid) for pid in path.read_text().split()]
    assert {process.pid for process in started_processes()} == set(pids)
    end_started_processes()
    assert not any(psutil.pid_exists(pid) for pid in pids)
    # what all tests share goes on
    assert resource_tracker._resource_tracker._check_alive()
