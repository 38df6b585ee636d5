"""One training at a time in a work dir."""
import errno
import fcntl
import json
import os
import shlex
import socket
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Iterator, Optional, Union

from .input_error import InputError

LOCK_FILE = 'training.lock'
# Where the launchers of mmengine say which of the processes this one is.
_RANKS = dict(
    pytorch='RANK', slurm='SLURM_PROCID', mpi='OMPI_COMM_WORLD_RANK')


def process_rank(launcher: str) -> int:
    """Number of this process, before mmengine has set up the group.

    Args:
        launcher (str): ``none``, ``pytorch``, ``slurm`` or ``mpi``.

    Returns:
        int: 0 of a single process.
    """
    return int(os.environ.get(_RANKS.get(launcher, ''), 0))


@contextmanager
def lock_work_dir(work_dir: Union[str, Path]) -> Iterator[None]:
    """Lock of a work dir, with process id and host, while a training runs.

    The operating system holds it and drops it with the process, however that
    ends: what a killed training leaves does not block. Of two trainings that
    start at once one gets it. Of several processes of a training the first
    alone takes it, for all.

    Args:
        work_dir (str | Path): Made if needed.

    Raises:
        InputError: If another training holds it, or may hold it: whether a
            process of another host still runs cannot be seen from here.
    """
    path = Path(work_dir, LOCK_FILE)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _opened_and_locked(path) as file:
        file.seek(0)
        file.truncate()
        json.dump(_this_training(), file, indent=2)
        file.flush()
        try:
            yield
        finally:
            with suppress(FileNotFoundError):
                path.unlink()


@contextmanager
def _opened_and_locked(path: Path) -> Iterator[IO[str]]:
    while True:
        # A lock of the process, which the workers of its data loaders do not
        # inherit: they outlive a killed training by some seconds.
        with open(path, 'a+') as file:
            held = _is_held(file)
            file.seek(0)
            found = _read(file.read())
            if held or (held is None and _seems_alive(found)):
                raise InputError(_running(path, found))
            if found and found['host'] != socket.gethostname():
                raise InputError(_running(path, found))
            # or another training has just ended and has removed it
            if _is_at(path, file):
                yield file
                return


def _is_held(file: IO[str]) -> Optional[bool]:
    """Whether another process has the lock; None if there are no locks."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return True
        # some network file systems, if they are mounted without
        return None
    return False


def _is_at(path: Path, file: IO[str]) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _seems_alive(found: Optional[dict]) -> bool:
    if not found or found['pid'] == os.getpid():
        return False
    try:
        os.kill(found['pid'], 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # of another user
    return True


def _this_training() -> dict:
    return dict(
        pid=os.getpid(),
        host=socket.gethostname(),
        since=time.strftime('%Y-%m-%d %H:%M:%S'),
        command=shlex.join(sys.argv))


def _read(text: str) -> Optional[dict]:
    """What :func:`_this_training` wrote; None if it was cut off."""
    try:
        found = json.loads(text)
        return dict(found, pid=int(found['pid']), host=str(found['host']))
    except (ValueError, KeyError, TypeError):
        return None


def _running(path: Path, found: Optional[dict]) -> str:
    found = found or dict(pid='unknown', host=socket.gethostname())
    text = (f'A training uses the work dir {path.parent} already (process '
            f'{found["pid"]} on {found["host"]}, since '
            f'{found.get("since", "just now")}: '
            f'{found.get("command", "command unknown")}). Two would write '
            'over each other. Wait for it, end it, or choose another '
            '--work-dir.')
    if found['host'] != socket.gethostname():
        text += (f' This is {socket.gethostname()}, from where it cannot be '
                 'seen whether it still runs. If it does not: '
                 f'rm {shlex.quote(str(path))}')
    return text
