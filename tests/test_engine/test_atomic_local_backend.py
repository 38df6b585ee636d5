"""Tests of ``mmseg_dcc/engine/atomic_local_backend.py``."""
import errno
import multiprocessing
import os
import resource
import signal

import pytest
from mmengine.fileio import get_file_backend

LIMIT = 1000


def limited_put(path, content, action):
    """Writes with a limit of LIMIT bytes per file, like a full disk."""
    signal.signal(signal.SIGXFSZ, action)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))
    backend = get_file_backend(backend_args=dict(backend='AtomicLocalBackend'))
    try:
        backend.put(content, path)
    except OSError as error:
        message = f'{error.errno} {error}'
        os.write(1, message.encode())
        os._exit(3)


@pytest.fixture
def put(tmp_path):
    """Function that writes in a process of its own."""

    def run(content, action=signal.SIG_IGN):
        process = multiprocessing.get_context('fork').Process(
            target=limited_put,
            args=(str(tmp_path / 'epoch_1.pth'), content, action))
        process.start()
        process.join()
        return process.exitcode

    return run


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_written_and_replaced(tmp_path, put):
    assert put(b'old') == 0
    assert put(b'new') == 0
    assert files(tmp_path) == {'epoch_1.pth': b'new'}


def test_full_disk_leaves_the_old_file_and_no_other(tmp_path, put, capfd):
    put(b'old')
    assert put(b'x' * 2 * LIMIT) == 3
    assert files(tmp_path) == {'epoch_1.pth': b'old'}
    message = capfd.readouterr().out
    assert message.startswith(f'{errno.EFBIG} ')
    for word in ('epoch_1.pth', '0.0 MiB', 'File too large', '--resume',
                 'max_keep_ckpts'):
        assert word in message


def test_killed_while_writing_leaves_the_old_file(tmp_path, put):
    put(b'old')
    assert put(b'x' * 2 * LIMIT, signal.SIG_DFL) == -signal.SIGXFSZ
    assert files(tmp_path) == {
        'epoch_1.pth': b'old',
        'epoch_1.pth.part': b'x' * LIMIT
    }
    assert put(b'new') == 0
    assert files(tmp_path) == {'epoch_1.pth': b'new'}
