"""Tests of ``tests/commands.py``, which other tests start trainings with."""
import signal

import pytest

from .commands import children
from .started_processes import started_processes

# a launcher, and below it a process in a session of its own
LAUNCHER = 'setsid bash -c "sleep 1000 & echo begun; wait"; true'


def test_child_with_a_command_longer_than_a_terminal(start, tmp_path):
    word = tmp_path / ('x' * 200) / 'train.py'
    command = start('bash', '-c',
                    f'bash -c "echo begun; sleep 1000; true" {word}; true')
    command.read_until('begun')
    child, = children(command.process, 'train.py')
    assert child.ppid() == command.process.pid
    assert children(command.process, 'test.py') == []


def test_reads_on_where_it_stopped(start):
    command = start('seq', 5)
    command.read_until('2')
    assert command.lines == ['1\n', '2\n']
    assert command.read_to_end() == '1\n2\n3\n4\n5\n'
    assert command.process.returncode == 0
    with pytest.raises(AssertionError, match='no line has 6:\n1\n2\n'):
        command.read_until('6')


def test_kill_ends_sessions_below(start):
    command = start('bash', '-c', LAUNCHER)
    command.read_until('begun')
    assert len(started_processes()) >= 3
    command.kill()
    assert command.read_to_end(10) == 'begun\n'
    assert command.process.returncode == -signal.SIGKILL


def test_limit_of_time(start, run):
    """Also if an orphaned process could still write."""
    orphan = ('bash', '-c', f'({LAUNCHER}) &')
    with pytest.raises(TimeoutError, match='longer than 1 s:\nbegun'):
        run(*orphan, seconds=1)
    with pytest.raises(TimeoutError, match='longer than 1 s:\nbegun'):
        start(*orphan).read_until('ended', seconds=1)
