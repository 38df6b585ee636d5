"""Wall and CPU time of a job, saved while it runs.

Wall time depends on the load of the machine, CPU time hardly does.
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
    """Wall and CPU time of a process group, summed over all its starts.

    Args:
        work_dir (Path): Folder of ``spent.json``. If it holds a checkpoint
            but no ``spent.json``, an earlier start was not measured, and the
            total CPU time is unknown.
        group (int): Id of the process group, which includes the workers of
            data loaders.
    """

    def __init__(self, work_dir: Path, group: int) -> None:
        self.group, self.path = group, work_dir / 'spent.json'
        self.started = self.noted = time.monotonic()
        self.before = _earlier(work_dir)

    def note(self, cpu_seconds: Optional[float] = None) -> dict:
        """Saves the time spent until now.

        Args:
            cpu_seconds (float, optional): CPU time of all processes of the
                group, known once they have ended. Defaults to None: read
                from /proc.

        Returns:
            dict: minutes and core_minutes of all starts together;
            core_minutes is None if unknown.
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
    """CPU time of the ended child processes, including their children."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def seconds_of_group(group: int) -> float:
    """CPU time of a process group so far; 0 if there is no /proc.

    Args:
        group (int): Id of the group.

    Returns:
        float: Seconds, including those of ended children.
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
