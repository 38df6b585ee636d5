"""Signals that ask a training to end after its step."""
import os
import signal
import threading
import time
from contextlib import suppress
from typing import Dict, Optional

import torch
from mmengine.dist import all_reduce

# Ctrl-C; of Slurm, containers and `kill`; of a terminal that is closed; and
# what clusters send to ask for a checkpoint.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
# torch's launcher sends its processes Ctrl-C once more, after the terminal.
_SAME_PRESS = 2.


class StopRequest:
    """Signal that has asked this process to stop, if there was one.

    Args:
        speaks (bool): Whether to answer on the terminal. Of several processes
            one is enough.
    """

    def __init__(self, speaks: bool = True) -> None:
        self.number = 0
        self.speaks = speaks
        self._before: Dict[int, object] = {}

    def listen(self) -> None:
        """Takes the signals that would end the process.

        Those that are ignored (``nohup``, ``&``), or that other code
        handles, stay as they are; so do all in a thread.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        self._process = os.getpid()
        for number in SIGNALS:
            usual = (signal.SIG_DFL, signal.default_int_handler)
            if signal.getsignal(number) in usual:
                self._before[number] = signal.signal(number, self._take)

    def restore(self) -> None:
        """Gives the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def of_any_process(self) -> int:
        """Signal that any process of the training got; 0 if none did.

        All get the same answer; each must ask.
        """
        # Reading the losses for the log has waited for the device before.
        number = torch.tensor(float(self.number))
        all_reduce(number, 'max')
        return int(number)

    def _take(self, number: int, _) -> None:
        # A forked process has this handler until it sets its own.
        if os.getpid() != self._process:
            return
        if not self.number:
            self.number = number
            self._since = time.monotonic()
            self._answer()
            if 'TORCHELASTIC_RUN_ID' not in os.environ:
                # the next ends at once, even where Python waits for torch
                self._end_at_once(signal.SIGINT)
        elif (number == signal.SIGINT
              and time.monotonic() - self._since > _SAME_PRESS):
            self._end_at_once(number)
            os.kill(os.getpid(), number)

    def _end_at_once(self, number: int) -> None:
        if number in self._before:
            signal.signal(number, signal.SIG_DFL)

    def _answer(self) -> None:
        if not self.speaks:
            return
        text = (f'\n{signal.Signals(self.number).name}: the training ends '
                'after this step (a validation that runs is finished), with '
                'a checkpoint. Ctrl-C ends it at once, without.\n')
        # print() may be what the signal has interrupted
        with suppress(OSError):
            os.write(2, text.encode())


class _Workers:
    """Whether forked processes leave the signals to their parent."""
    protected = False
    registered = False


def protect_workers() -> None:
    """Makes processes that are forked from now on survive the signals.

    A terminal sends Ctrl-C, and many a cluster SIGTERM, to the workers of
    the data loaders, too. They would die, and the training with them in the
    middle of its step. They end as before when their parent ends them, or
    has ended.
    """
    if not _Workers.registered and hasattr(signal, 'sigwaitinfo'):
        os.register_at_fork(after_in_child=_protect_this_process)
        _Workers.registered = True
    _Workers.protected = True


def stop_protecting() -> None:
    """Undoes :func:`protect_workers` for processes that come later."""
    _Workers.protected = False


def _protect_this_process() -> None:
    if not _Workers.protected:
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        threading.Thread(
            target=_end_with_parent, args=(os.getppid(), ),
            daemon=True).start()
    except RuntimeError:  # no room for a thread
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _end_with_parent(parent: int) -> None:
    while True:
        received: Optional[signal.struct_siginfo] = signal.sigwaitinfo(SIGNALS)
        if received.si_pid == parent and received.si_signo == signal.SIGTERM:
            # what torch's own handler does
            os._exit(0)
