import logging
from typing import Callable, List

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmseg.registry import HOOKS

from ..run_summary import test_summary, training_summary


@HOOKS.register_module()
class StartReportHook(Hook):
    """Hook that logs a summary before a training or a test.

    It has the network and its number of parameters, images, schedule,
    validation, device and checkpoints. ``tools/train.py`` and
    ``tools/test.py`` add it.

    Examples:
        >>> custom_hooks = [dict(type='StartReportHook')]
    """

    # after the checks, whose messages come first
    priority = 'LOWEST'

    def before_train(self, runner) -> None:
        """Logs the summary of a training."""
        self._write(training_summary, runner)

    def before_test(self, runner) -> None:
        """Logs the summary of a test."""
        self._write(test_summary, runner)

    def _write(self, summary: Callable[..., List[str]], runner) -> None:
        if not is_main_process():
            return
        try:
            text, level = '\n'.join(summary(runner)), logging.INFO
        # a summary must not end a training, whatever the user has built
        except Exception as error:
            text = f'The summary of this run cannot be written: {error!r}.'
            level = logging.WARNING
        print_log(text, logger='current', level=level)
