"""Tests of ``python -m mmseg_dcc``, without starting it."""
import sys

import pytest

from mmseg_dcc import __main__ as command
from mmseg_dcc.command_start import is_command

from .conftest import ROOT


def names_in(folder):
    return {path.stem for path in (ROOT / 'tools' / folder).glob('*.py')}


def test_every_tool_has_a_name(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['__main__.py'])
    command.main()
    printed = capsys.readouterr().out
    tools = names_in('') | names_in('dataset_tools')
    for name in tools - {'quiet_start'}:
        assert f'\n  {name} ' in printed
    # what serves the paper is in no installation
    assert 'quiet_start' not in printed and 'reproduce' not in printed


def test_runs_the_tool_with_its_options(monkeypatch, capsys):
    monkeypatch.setattr(sys, 'argv', ['__main__.py', 'publish_model', '-h'])
    monkeypatch.setattr(sys, 'path', [*sys.path])
    with pytest.raises(SystemExit, match='0'):
        command.main()
    assert 'usage: publish_model.py' in capsys.readouterr().out


def test_unknown_name(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['__main__.py', 'trian'])
    with pytest.raises(SystemExit, match="'trian'.*Did you mean train"):
        command.main()


@pytest.mark.parametrize('argv, typed, expected', [
    (['-m', 'train'], ['python', '-m', 'mmseg_dcc', 'train'], True),
    # another program, which imports the package
    (['-m', 'c.py'], ['python', '-m', 'theirs', 'c.py'], False),
    (['tools/train.py'], ['python', 'tools/train.py', 'mmseg_dcc'], False),
    (['-c'], ['python', '-c', 'import mmseg_dcc'], False),
])
def test_quiet_for_the_command_alone(argv, typed, expected, monkeypatch):
    monkeypatch.setattr(sys, 'argv', argv)
    monkeypatch.setattr(sys, 'orig_argv', typed, raising=False)
    assert is_command() == expected
