"""Console filter that shortens the log at the start of a training."""
import logging
import sys

# Libraries whose reports at the start (environment, config, table of hooks,
# learning rate of each parameter, ...) are only kept in the log file.
LIBRARIES = frozenset(('mmengine', 'mmcv', 'mmseg', 'mmpretrain', 'mmdet'))
# their messages on weights and settings that a training starts from
WANTED = ('resumed epoch', 'Load checkpoint from', 'Auto resumed',
          'LR is set based on batch size', 'Enabling the "',
          'Model has been "compiled"')
# warnings that occur in every run, whatever the config
EVERY_RUN = (
    'The prefix is not set in metric class',
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias of "LocalBackend"',
)


class ConsoleFilter(logging.Filter):
    """Filter of mmengine's console handler for a short start.

    Until the first iteration (``begun``) the console shows warnings, errors,
    and messages of this package or the user's own code. Everything else is
    only written to the log file. After that everything is shown.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begun = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is shown."""
        text = record.getMessage().lstrip()
        if record.levelno >= logging.WARNING:
            return not text.startswith(EVERY_RUN)
        return (self.begun or text.startswith(WANTED)
                or _reporting_package() not in LIBRARIES)


def _reporting_package() -> str:
    """Top-level package of the function that logs the current record.

    ``record.pathname`` is mostly that of ``print_log`` instead.
    """
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get('__name__', '')
        if module != __name__ and not module.startswith(
                ('logging', 'mmengine.logging')):
            return module.split('.')[0]
        frame = frame.f_back
    return ''
