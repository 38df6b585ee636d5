"""Runner whose start-up log fits on a screen."""
import logging
from logging.handlers import MemoryHandler

from mmengine.logging import MMLogger
from mmengine.runner import Runner

from .console_filter import ConsoleFilter

_FIRST = frozenset(('before_train_iter', 'before_val_iter',
                    'before_test_iter'))


class QuietRunner(Runner):
    """Runner that keeps most of its start-up log off the console.

    The log file in the work dir has everything that :class:`Runner` writes
    (environment, config, table of hooks, ...), and the warnings issued while
    the tool was imported. Up to the first iteration the console has what
    :class:`ConsoleFilter` lets pass, after that everything. Nothing else
    differs from :class:`Runner`.
    """

    def build_logger(self, *args, **kwargs) -> MMLogger:
        """Builds mmengine's logger with a filter on the console."""
        logger = super().build_logger(*args, **kwargs)
        self._filter = ConsoleFilter()
        for handler in logger.handlers:
            if isinstance(handler, logging.FileHandler):
                _send_warnings_to(handler)
            else:
                handler.addFilter(self._filter)
        if logger.log_file:
            logger.info(f'Log, with environment and config: {logger.log_file}')
        return logger

    def call_hook(self, fn_name: str, **kwargs) -> None:
        """Calls the hooks; the first iteration ends the quiet start."""
        if fn_name in _FIRST:
            self._filter.begun = True
        super().call_hook(fn_name, **kwargs)


def _send_warnings_to(handler: logging.Handler) -> None:
    """Writes Python's warnings to a log: held ones now, new ones at once.

    ``tools/quiet_start.py`` holds them until then.
    """
    for held in logging.getLogger('py.warnings').handlers:
        if isinstance(held, MemoryHandler):
            held.setTarget(handler)
            held.capacity = 0
            held.flush()
