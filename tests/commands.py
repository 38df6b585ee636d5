"""Commands that run beside a test."""
import re
import subprocess
import threading
from contextlib import contextmanager, suppress

import psutil

from .started_processes import kill, started_processes


def children(process, word):
    """Child processes with the word in their command, and their children."""
    found = []
    for child in process.children():
        with suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            if word in ' '.join(child.cmdline()):
                found.append(child)
    return found


class Command:
    """Command, mostly a training, that runs beside the test.

    It is killed at the end of the test at the latest, see
    ``started_processes.py``.

    Args:
        command (list): Program and arguments.
        folder (Path): Working directory of the command.
        variables (dict[str, str]): Its whole environment.
    """

    def __init__(self, command, folder, variables):
        self.lines = []
        self.process = psutil.Popen(
            [str(part) for part in command],
            cwd=folder,
            env=variables,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)

    @property
    def output(self):
        return ''.join(self.lines)

    def read_until(self, pattern, seconds=300):
        """Reads the output up to a line that matches the pattern."""
        with self._limit(seconds):
            for line in self.process.stdout:
                self.lines.append(line)
                if re.search(pattern, line):
                    return
        raise AssertionError(f'no line has {pattern}:\n{self.output[-4000:]}')

    def read_to_end(self, seconds=60):
        """Returns the output when all processes of the command have ended.

        Raises:
            TimeoutError: If that takes longer than ``seconds``.
        """
        with self._limit(seconds):
            self.lines.extend(self.process.stdout)
            self.process.wait()
        return self.output

    def kill(self):
        """Kills the command and all its processes, parents first."""
        kill([self.process, *self.process.children(recursive=True)])

    @contextmanager
    def _limit(self, seconds):
        expired = threading.Event()

        def expire():
            expired.set()
            # orphans, too: reading ends when none can write any more
            kill(started_processes())

        timer = threading.Timer(seconds, expire)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
        if expired.is_set():
            raise TimeoutError(
                f'longer than {seconds} s:\n{self.output[-4000:]}')
