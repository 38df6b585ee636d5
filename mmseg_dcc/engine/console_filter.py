"""What of a log is shown on the console while a training starts."""
import logging
import sys

# Whose reports of a start (environment, config, table of the hooks,
# learning rate of each parameter, ...) are looked up, not read.
LIBRARIES = frozenset(('mmengine', 'mmcv', 'mmseg', 'mmpretrain', 'mmdet'))
# Those that say what the training begins with.
WANTED = ('resumed epoch', 'Load checkpoint from', 'Auto resumed',
          'LR is set based on batch size', 'Enabling the "',
          'Model has been "compiled"')
# Warnings that come in every run, whatever the config.
EVERY_RUN = (
    'The prefix is not set in metric class',
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias of "LocalBackend"',
)


class ConsoleFilter(logging.Filter):
    """Filter of mmengine's console handler: a start of a few lines.

    Shown are warnings, errors, and what this package or the user's own code
    reports. The rest waits in the log file, until the first iteration
    (``begun``); from then on everything is shown.
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
    """Package of the function that has written the record at hand.

    ``record.pathname`` is that of ``print_log`` in most cases.
    """
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get('__name__', '')
        if module != __name__ and not module.startswith(
                ('logging', 'mmengine.logging')):
            return module.split('.')[0]
        frame = frame.f_back
    return ''
