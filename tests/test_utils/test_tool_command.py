"""Tests of ``mmseg_dcc/utils/tool_command.py``."""
import sys

import pytest

from mmseg_dcc.utils.tool_command import tool_command, with_typed_commands

INSTALLED = '/site/mmseg_dcc/.mim/tools/train.py'
TEXT = 'Try:\n  python tools/dataset_tools/make_splits.py voc --seeds 1'


@pytest.mark.parametrize('running, words, text', [
    ('tools/train.py', ['python', 'tools/predict.py'], TEXT),
    (INSTALLED, ['python', '-m', 'mmseg_dcc', 'predict'],
     'Try:\n  python -m mmseg_dcc make_splits voc --seeds 1'),
])
def test_as_the_user_types_it(running, words, text, monkeypatch):
    monkeypatch.setattr(sys, 'argv', [running, 'config.py'])
    assert tool_command('predict') == words
    assert with_typed_commands(TEXT) == text


def test_tool_that_no_installation_has(monkeypatch):
    monkeypatch.setattr(sys, 'argv', [INSTALLED])
    text = 'python tools/paper/make_demo_dataset.py'
    assert with_typed_commands(text) == text
