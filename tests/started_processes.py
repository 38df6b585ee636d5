"""Plugin of pytest that ends all processes a test has started.

It does so however the test ends. Launchers start sessions of their own, and
orphans get another parent, so the processes are identified by an environment
variable, which their children inherit. Fixtures of wider scope start no
process that a second test needs.
"""
import ctypes
import os
import sys
import uuid
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker

import psutil
import pytest

# a pytest that runs inside of a test has a mark of its own
MARK = f'STARTED_BY_PYTEST_{uuid.uuid4().hex}'
PR_SET_CHILD_SUBREAPER = 36


def pytest_configure():
    # the one process that all tests share starts before the mark is set
    resource_tracker.ensure_running()
    os.environ[MARK] = '1'
    if sys.platform == 'linux':
        # orphans stay among the descendants of this process
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol():
    yield
    end_started_processes()


def started_processes():
    """Processes that the test has started and that still run."""
    # all tests share this one, but not what is forked from it
    shared = forkserver._forkserver._forkserver_pid
    started = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):  # it has ended meanwhile
            if process.pid != shared and MARK in process.environ():
                started.append(process)
    return started


def kill(processes):
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def end_started_processes():
    """Kills the processes and their children, and waits for all."""
    started = started_processes()
    while started:
        kill(started)
        psutil.wait_procs(started, timeout=10)
        started = started_processes()
