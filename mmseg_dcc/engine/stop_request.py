"""Signals that ask a training to stop after its current step."""
import os
import signal
import threading
import time
from contextlib import suppress
from typing import Dict, Optional

import torch
from mmengine.dist import all_reduce

# Ctrl-C; sent by Slurm, containers and `kill`; sent by a terminal that is
# closed; sent by clusters to ask for a checkpoint
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
# torch's launcher forwards Ctrl-C to processes that the terminal sent it to
_REPEAT_SECONDS = 2.


class StopRequest:
    """Stop signal that this process has received, if any.

    Args:
        prints (bool): Whether to print a message on the terminal. One of
            several processes is enough. Defaults to True.
    """

    def __init__(self, prints: bool = True) -> None:
        self.number = 0
        self.prints = prints
        self._before: Dict[int, object] = {}

    def listen(self) -> None:
        """Installs handlers for the signals that would end the process.

        Signals that are ignored (``nohup``, ``&``) or handled by other code
        are not touched. Nothing is installed in a thread.
        """
        if threading.current_thread() is not threading.main_thread():
            return
        self._process = os.getpid()
        for number in SIGNALS:
            usual = (signal.SIG_DFL, signal.default_int_handler)
            if signal.getsignal(number) in usual:
                self._before[number] = signal.signal(number, self._take)

    def restore(self) -> None:
        """Restores the previous signal handlers."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def of_any_process(self) -> int:
        """Signal that any process of the training received; 0 if none did.

        All processes get the same answer, and each must call this.
        """
        # cheap: the host has already waited for the device to log the losses
        number = torch.tensor(float(self.number))
        all_reduce(number, 'max')
        return int(number)

    def _take(self, number: int, _) -> None:
        # a forked process inherits this handler until it sets its own
        if os.getpid() != self._process:
            return
        if not self.number:
            self.number = number
            self._since = time.monotonic()
            self._answer()
            if 'TORCHELASTIC_RUN_ID' not in os.environ:
                # the next one ends at once, even while Python waits for torch
                self._end_at_once(signal.SIGINT)
        elif (number == signal.SIGINT
              and time.monotonic() - self._since > _REPEAT_SECONDS):
            self._end_at_once(number)
            os.kill(os.getpid(), number)

    def _end_at_once(self, number: int) -> None:
        if number in self._before:
            signal.signal(number, signal.SIG_DFL)

    def _answer(self) -> None:
        if not self.prints:
            return
        text = (f'\n{signal.Signals(self.number).name}: the training stops '
                'after this step (or a running validation) and saves a '
                'checkpoint. Press Ctrl-C to stop at once without one.\n')
        # print() may be what the signal has interrupted
        with suppress(OSError):
            os.write(2, text.encode())


class _Workers:
    """Whether forked processes leave the signals to their parent."""
    protected = False
    registered = False


def protect_workers() -> None:
    """Makes processes that are forked from now on survive the signals.

    Terminals send Ctrl-C, and many clusters SIGTERM, to the workers of the
    data loaders, too. They would exit, and the training would fail in the
    middle of its step. The workers still exit when their parent stops them or
    has exited.
    """
    if not _Workers.registered and hasattr(signal, 'sigwaitinfo'):
        os.register_at_fork(after_in_child=_protect_this_process)
        _Workers.registered = True
    _Workers.protected = True


def stop_protecting() -> None:
    """Undoes :func:`protect_workers` for processes that are forked later."""
    _Workers.protected = False


def _protect_this_process() -> None:
    if not _Workers.protected:
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        threading.Thread(
            target=_end_with_parent, args=(os.getppid(), ),
            daemon=True).start()
    except RuntimeError:  # no thread can be started
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def _end_with_parent(parent: int) -> None:
    while True:
        received: Optional[signal.struct_siginfo] = signal.sigwaitinfo(SIGNALS)
        if received.si_pid == parent and received.si_signo == signal.SIGTERM:
            # as torch's own handler does
            os._exit(0)
