"""What a job has taken, kept in a file while it runs.

Wall time depends on what else the machine does, CPU time hardly.
"""
import json
import os
import resource
import time
from pathlib import Path
from typing import Optional

from whole_file import write_whole

INTERVAL = 30.  # seconds of work that are lost if the tool is killed


class Meter:
    """Wall and CPU time of a process group, added to that of earlier starts.

    Args:
        work_dir (Path): Where ``spent.json`` is. If a checkpoint is there
            without it, an earlier part was not measured, and the CPU time of
            the whole is unknown.
        group (int): Id of the process group, in which the workers of data
            loaders are, too.
    """

    def __init__(self, work_dir: Path, group: int) -> None:
        self.group, self.path = group, work_dir / 'spent.json'
        self.started = self.noted = time.monotonic()
        self.before = _earlier(work_dir)

    def note(self, cpu_seconds: Optional[float] = None) -> dict:
        """Keeps what has been taken until now.

        Args:
            cpu_seconds (float, optional): Of all processes of the group,
                known once they have ended. Defaults to None: looked up.

        Returns:
            dict: minutes and core_minutes of all starts together; the
            latter None if unknown.
        """
        if cpu_seconds is None:
            cpu_seconds = seconds_of_group(self.group)
        self.noted = time.monotonic()
        cores = self.before['core_minutes']
        total = dict(
            minutes=self.before['minutes'] +
            (self.noted - self.started) / 60,
            core_minutes=None if cores is None else cores + cpu_seconds / 60)
        write_whole(self.path, json.dumps(total))
        return total

    def note_now_and_then(self) -> None:
        if time.monotonic() - self.noted >= INTERVAL:
            self.note()


def _earlier(work_dir: Path) -> dict:
    path = work_dir / 'spent.json'
    if path.exists():
        return json.loads(path.read_text())
    begun = (work_dir / 'last_checkpoint').exists()
    return dict(minutes=0., core_minutes=None if begun else 0.)


def seconds_of_children() -> float:
    """CPU time of the children that have ended, with their own children."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def seconds_of_group(group: int) -> float:
    """CPU time of the processes of a group so far; 0 where there is no /proc.

    Args:
        group (int): Id of the group.

    Returns:
        float: Seconds, with those of children that have ended.
    """
    ticks = 0
    for path in Path('/proc').glob('[0-9]*/stat'):
        try:
            # a name in brackets, which may hold anything, then numbers
            words = path.read_text().rpartition(')')[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(words[2]) == group:
            # of itself and of its children, in user and system mode
            ticks += sum(map(int, words[11:15]))
    return ticks / os.sysconf('SC_CLK_TCK')
