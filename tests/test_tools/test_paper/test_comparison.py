"""Tests of method tables; the trainings are in test_end_to_end."""
import json
import shlex
import subprocess
import sys

import comparison
import pytest
import reproduce

from tests.conftest import ROOT


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """Finished trainings: each seed and `weak` are a point better."""
    monkeypatch.setattr(
        reproduce, 'result_of', lambda run, setup: dict(
            mIoU=40. + run.seed + run.config.endswith('weak.py'), minutes=2.))
    return tmp_path


def test_any_methods_are_drawn_after_the_table(trained, monkeypatch, capsys):
    commands = []

    def draw(command, check):
        assert (trained / 'table.md').exists()
        commands.append(command)

    monkeypatch.setattr(subprocess, 'run', draw)
    reproduce.main([
        '--configs', 'configs/mine_', '--methods', 'semi', 'weak', '--seeds',
        '3', '1', '--work-dir', str(trained)
    ])
    out = capsys.readouterr().out
    assert '4 trainings, 4 of them are done' in out
    assert '| semi | 42.0 |  | 43.0, 41.0 | 2.0 |' in out
    assert '| weak | 43.0 | +1.0 | 44.0, 42.0 | 2.0 |' in out
    results = json.loads((trained / 'results.json').read_text())
    assert results['weak']['runs'] == [44., 42.]
    assert commands == [[
        sys.executable, str(comparison.PREDICTIONS),
        f'{trained}/mine_semi/seed_3', f'{trained}/mine_weak/seed_3',
        '--labels', 'semi', 'weak', '--out', f'{trained}/comparison.png'
    ]]
    assert comparison.PREDICTIONS.exists()


def test_the_baseline_is_trained_last(tmp_path, monkeypatch, capsys):
    """It is the shortest; configs may be in any folder."""
    monkeypatch.chdir(tmp_path)
    for method in ('supervised', 'control', 'dcc'):
        (tmp_path / f'{method}.py').touch()
    reproduce.main(['--configs', './', '--dry-run'])
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if line.startswith('#')]
    assert lines == [
        f'# {tmp_path}/{method}.py, seed 0, list 0 ({method})'
        for method in ('control', 'dcc', 'supervised')
    ]
    _, dcc, _ = (shlex.split(line) for line in out.splitlines()
                 if not line.startswith('#'))
    assert dcc[1:4] == [
        f'{ROOT}/tools/train.py', f'{tmp_path}/dcc.py', '--work-dir'
    ]
    assert dcc[4].startswith('work_dirs/compare/dcc/')


def test_cells_of_a_preset_are_no_methods(capsys):
    with pytest.raises(SystemExit):
        reproduce.parse_args(['--configs', 'mine_', '--cell', 'suponly'])
    assert 'which --configs replaces' in capsys.readouterr().err


def test_nothing_has_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(reproduce, 'result_of', lambda run, setup: None)
    with pytest.raises(SystemExit, match='No training has ended in'):
        reproduce.main(['--configs', 'mine_', '--collect', '--work-dir',
                        str(tmp_path)])
