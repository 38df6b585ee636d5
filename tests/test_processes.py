"""Tests of ``tests/processes.py``, which other tests use."""
import time
from unittest.mock import Mock

import pytest
import torch.distributed as dist

from . import processes
from .processes import run_processes

pytestmark = pytest.mark.slow


def hang_in_the_second(rank):
    print(f'hello of {rank}', flush=True)
    dist.barrier()
    if rank == 1:
        time.sleep(1000)


def fail_in_the_second(rank):
    print(f'hello of {rank}', flush=True)
    if rank == 1:
        raise ValueError('as it should')
    time.sleep(1000)


def test_limit_of_time(tmp_path, monkeypatch):
    clock = iter([0., 0., 121.])  # at the end of the first process
    monkeypatch.setattr(processes, 'time', Mock(monotonic=clock.__next__))
    with pytest.raises(RuntimeError) as error:
        run_processes(hang_in_the_second, tmp_path)
    message = str(error.value)
    assert message.startswith('Not all had ended after 120 s.')
    first, second = message.split('---- rank ')[1:]
    assert first == '0, ended with 0:\nhello of 0\n\n'
    assert second.startswith('1, still ran:\nhello of 1\n')
    assert 'in hang_in_the_second' in second


def test_failure(tmp_path):
    with pytest.raises(RuntimeError, match='ValueError: as it should'):
        run_processes(fail_in_the_second, tmp_path)
