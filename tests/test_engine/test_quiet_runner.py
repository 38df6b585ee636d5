"""Tests of the console output at the start of a training."""
import logging
from unittest import mock

import pytest
import quiet_start
from mmengine.config import Config
from mmengine.logging import MMLogger, print_log

from mmseg_dcc.apis.launch import build_runner
from mmseg_dcc.engine.console_filter import ConsoleFilter
from mmseg_dcc.engine.quiet_runner import QuietRunner

REPORT = 'def report(text, level): print_log(text, "console", level)'


@pytest.fixture
def console():
    """Logger with the filter, and the lines that passed it."""
    logger = MMLogger.get_instance('console')
    shown, handler = [], logging.Handler()
    handler.emit = lambda record: shown.append(record.getMessage())
    handler.addFilter(ConsoleFilter())
    logger.handlers = [handler]
    yield handler.filters[0], shown
    MMLogger._instance_dict.pop('console')


def say(text, level=logging.INFO, module='mmengine.runner.runner'):
    """Logs like a function of a module."""
    scope = dict(print_log=print_log, __name__=module)
    exec(REPORT, scope)
    scope['report'](text, level)


@pytest.mark.parametrize('text, level, module, is_shown', [
    ('Config:\nmodel = ...', 'INFO', 'mmengine.runner.runner', False),
    ('paramwise_options -- a:lr=1', 'INFO', 'mmengine.optim.optimizer', False),
    ('Network: small.', 'INFO', 'mmseg_dcc.engine.hooks.any', True),
    ('a transform of a user', 'INFO', 'my_transforms', True),
    ('resumed epoch: 2, iter: 10', 'INFO', 'mmengine.runner.runner', True),
    ('The seed differs', 'WARNING', 'mmengine.runner.runner', True),
    ('It broke', 'ERROR', 'mmengine.runner.runner', True),
    ('The prefix is not set in metric class IoUMetric.', 'WARNING',
     'mmengine.evaluator.metric', False),
])
def test_before_the_first_iteration(console, text, level, module, is_shown):
    say(text, getattr(logging, level), module)
    assert console[1] == [text] * is_shown


def test_everything_from_the_first_iteration_on(console):
    console[0].begun = True
    say('Iter(train) [1/4]')
    assert console[1] == ['Iter(train) [1/4]']


@pytest.mark.parametrize('warning, known', [
    ('/a.py:3: UserWarning: pkg_resources is deprecated as an API. See\n  x',
     True),
    ('/a.py:3: FutureWarning: anything', True),
    ('/a.py:3: PendingDeprecationWarning: anything', True),
    ('/a.py:3: UserWarning: No mask has class 3.', False),
    ('/a.py:3: RuntimeWarning: invalid value\n  FutureWarning: x', False),
    ('/a.py:3: UserWarning: it says pkg_resources is deprecated as an API',
     False),
])
def test_warnings_for_the_log_alone(warning, known):
    assert quiet_start.is_known(warning) is known


@pytest.mark.parametrize('verbose, level, quiet', [
    ('', 'INFO', True), ('0', 'INFO', True), ('1', 'INFO', False),
    ('', 'DEBUG', False)])
def test_verbose(verbose, level, quiet, monkeypatch):
    monkeypatch.setenv('MMSEG_DCC_VERBOSE', verbose)
    with mock.patch('mmengine.runner.Runner.from_cfg',
                    classmethod(lambda cls, cfg: (cls, cfg))):
        kind, cfg = build_runner(
            Config(dict(crop=(8, 8), log_level=level)))
    assert (kind is QuietRunner) is quiet
    assert cfg.pretty_text.splitlines()[0] == 'crop=('  # not by yapf
