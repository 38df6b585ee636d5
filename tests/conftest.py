import functools
import os
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, settings
from mmengine.config import utils as config_utils
from mmengine.dataset import base_dataset
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope

import mmseg_dcc  # noqa: F401
from mmseg_dcc.compat import can_allow_classes

from . import tiny_data
from .commands import Command
from .started_processes import pytest_configure, pytest_runtest_protocol  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
# where the tools find quiet_start.py when they are not run, but loaded
sys.path.append(str(ROOT / 'tools'))
reads_trainings_safely = pytest.mark.skipif(
    not can_allow_classes(),
    reason='torch < 2.6 cannot read the checkpoint of a training without '
    'running the code that it may hold')


# Reads all metafiles of mmseg, half a second, for each base in mmseg.
config_utils.load = functools.lru_cache(maxsize=None)(config_utils.load)

# Durations depend on what else the machine does, so no test fails by them.
settings.register_profile(
    'untimed', deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile('untimed')


# Searches all that the tests import for garbage at each data set: 0.1 to 0.4
# seconds a time.
base_dataset.gc = SimpleNamespace(collect=lambda: 0)


@pytest.fixture(autouse=True)
def mmseg_scope():
    """Sets the default scope mmseg, as all configs do."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        init_default_scope('mmseg')


@pytest.fixture
def warnings_logged(caplog):
    """Function that returns the warnings logged so far."""
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield lambda: [
        record.getMessage() for record in caplog.records
        if record.levelname == 'WARNING'
    ]
    logger.removeHandler(caplog.handler)


@pytest.fixture(scope='session')
def data_dir(tmp_path_factory):
    """Working directory with a tiny version of every data set in ``data/``."""
    folder = tmp_path_factory.mktemp('project')
    tiny_data.make_voc(folder / 'data/VOCdevkit/VOC2012')
    tiny_data.make_cityscapes(folder / 'data/cityscapes')
    tiny_data.make_camvid(folder / 'data/camvid')
    tiny_data.make_ccp(folder / 'data/ccp')
    tiny_data.make_msrc21(folder / 'data/msrc21')
    tiny_data.make_demo(folder / 'data/demo')
    tiny_data.make_own(folder / 'data/own')
    tiny_data.make_photos(folder / 'data/photos')
    return folder


@pytest.fixture
def in_data_dir(data_dir, monkeypatch):
    monkeypatch.chdir(data_dir)
    return data_dir


def environment(**variables):
    ours = dict(
        PYTHON=sys.executable,
        PYTHONPATH=str(ROOT),
        PYTHONWARNINGS='ignore',
        OMP_NUM_THREADS='1')
    return {**os.environ, **ours, **variables}


@pytest.fixture(scope='session')
def start(data_dir):
    """Function that starts a command in the data directory beside the test."""

    def start_command(*command, cwd=data_dir, **variables):
        return Command(command, cwd, environment(**variables))

    return start_command


@pytest.fixture(scope='session')
def run(start):
    """Function that runs a command in the data directory, with its output."""

    def run_command(*command, returncode=0, seconds=300, **options):
        started = start(*command, **options)
        output = started.read_to_end(seconds)
        assert started.process.returncode == returncode, output[-4000:]
        return output

    return run_command
