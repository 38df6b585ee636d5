"""Tests of ``mmseg_dcc/utils/formatted_once_config.py``."""
import copy
import pickle
from unittest import mock

import pytest
from mmengine.config import Config

from mmseg_dcc.utils.formatted_once_config import FormattedOnceConfig
from tests.conftest import FORMAT_CODE
from tests.project_configs import load_config

NAME = 'demo/deeplabv3plus_small_demo_dcc.py'


@pytest.fixture
def formatter():
    """Stand-in for the formatter, which counts its calls."""
    with mock.patch(FORMAT_CODE, side_effect=lambda text, **_: (text, 1)) as f:
        yield f


def test_text_is_that_of_mmengine():
    config = load_config(NAME)
    assert FormattedOnceConfig(config).pretty_text == config.pretty_text


def test_text_is_formatted_once(formatter, tmp_path):
    config = FormattedOnceConfig(load_config(NAME))
    text = config.pretty_text
    config.dump(str(tmp_path / 'config.py'))
    # the runner keeps a copy
    copied = copy.deepcopy(config)
    assert copied.pretty_text == text
    assert (tmp_path / 'config.py').read_text() == text
    assert formatter.call_count == 1


def test_change_is_in_the_text(formatter):
    config = FormattedOnceConfig(load_config(NAME))
    copied = copy.deepcopy(config)
    before = config.pretty_text
    config.train_cfg.max_iters = 7
    assert 'max_iters=7' in config.pretty_text
    assert copied.pretty_text == before
    config.merge_from_dict({'train_cfg.max_iters': 8})
    assert 'max_iters=8' in config.pretty_text


def test_is_a_config_in_all_else():
    config = load_config(NAME)
    ours = FormattedOnceConfig(config)
    assert ours.pretty_text  # the text does not become part of the content
    assert isinstance(ours, Config)
    assert ours.to_dict() == config.to_dict()
    assert ours.filename == config.filename
    restored = pickle.loads(pickle.dumps(ours))
    assert restored.to_dict() == config.to_dict()
    assert restored.pretty_text == ours.pretty_text
