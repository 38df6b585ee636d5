"""Lock that allows one training at a time in a work dir."""
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
# environment variables in which mmengine's launchers give the rank
_RANKS = dict(
    pytorch='RANK', slurm='SLURM_PROCID', mpi='OMPI_COMM_WORLD_RANK')


def process_rank(launcher: str) -> int:
    """Rank of this process, known before mmengine has set up the group.

    Args:
        launcher (str): ``none``, ``pytorch``, ``slurm`` or ``mpi``.

    Returns:
        int: Rank; 0 for a single process.
    """
    return int(os.environ.get(_RANKS.get(launcher, ''), 0))


@contextmanager
def lock_work_dir(work_dir: Union[str, Path]) -> Iterator[None]:
    """Context that locks a work dir for one training.

    The lock file holds the process id and the host. The operating system
    releases the lock when the process ends, however it ends, so that a killed
    training leaves no lock behind. If two trainings start at once, one of them
    gets the lock. Of the processes of one training only the first takes it.

    Args:
        work_dir (str | Path): Work dir; made if needed.

    Raises:
        InputError: If another training holds the lock, or may hold it: the
            processes of another host cannot be checked from this one.
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
        # A lock of this process only. The workers of its data loaders do not
        # inherit it, since they outlive a killed training by some seconds.
        with open(path, 'a+') as file:
            held = _is_held(file)
            file.seek(0)
            found = _read(file.read())
            if held or (held is None and _seems_alive(found)):
                raise InputError(_running(path, found))
            if found and found['host'] != socket.gethostname():
                raise InputError(_running(path, found))
            # otherwise another training has just ended and removed the file
            if _is_at(path, file):
                yield file
                return


def _is_held(file: IO[str]) -> Optional[bool]:
    """Whether another process holds the lock; None without lock support."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return True
        # network file systems that are mounted without locks
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
        pass  # process of another user
    return True


def _this_training() -> dict:
    return dict(
        pid=os.getpid(),
        host=socket.gethostname(),
        since=time.strftime('%Y-%m-%d %H:%M:%S'),
        command=shlex.join(sys.argv))


def _read(text: str) -> Optional[dict]:
    """Result of :func:`_this_training`; None if the text is incomplete."""
    try:
        found = json.loads(text)
        return dict(found, pid=int(found['pid']), host=str(found['host']))
    except (ValueError, KeyError, TypeError):
        return None


def _running(path: Path, found: Optional[dict]) -> str:
    found = found or dict(pid='unknown', host=socket.gethostname())
    text = (f'Another training uses the work dir {path.parent} (process '
            f'{found["pid"]} on {found["host"]}, since '
            f'{found.get("since", "just now")}: '
            f'{found.get("command", "command unknown")}). The two would '
            'overwrite each other. Wait for it, stop it, or choose another '
            '--work-dir.')
    if found['host'] != socket.gethostname():
        text += (f' This host is {socket.gethostname()}, which cannot check '
                 'whether that process still runs. If it does not: '
                 f'rm {shlex.quote(str(path))}')
    return text
