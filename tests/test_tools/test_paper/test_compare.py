"""Tests of ``tools/compare.py``; its trainings are in test_end_to_end."""
import json
import subprocess
import sys

import compare
import pytest


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """Trainings that have ended: each seed and `weak` a point better."""
    monkeypatch.setattr(compare, 'run_all', lambda trainings, jobs: None)
    monkeypatch.setattr(
        compare.MethodTraining, 'result',
        lambda self: dict(
            mIoU=40. + self.seed + (self.method == 'weak'), minutes=2.))
    return tmp_path


def test_any_methods_are_drawn_after_the_table(trained, monkeypatch, capsys):
    commands = []

    def draw(command, check):
        assert (trained / 'table.md').exists()
        commands.append(command)

    monkeypatch.setattr(subprocess, 'run', draw)
    monkeypatch.setattr(sys, 'argv', [
        'compare.py', 'configs/mine_', '--methods', 'semi', 'weak', '--seeds',
        '3', '1', '--work-dir', str(trained)
    ])
    compare.main()
    out = capsys.readouterr().out
    assert '| semi | 42.0 |  | 43.0, 41.0 | 2.0 |' in out
    assert '| weak | 43.0 | +1.0 | 44.0, 42.0 | 2.0 |' in out
    results = json.loads((trained / 'results.json').read_text())
    assert results['weak']['runs'] == [44., 42.]
    assert commands == [[
        sys.executable, str(compare.PREDICTIONS), f'{trained}/semi_seed3',
        f'{trained}/weak_seed3', '--labels', 'semi', 'weak', '--out',
        f'{trained}/comparison.png'
    ]]
    assert compare.PREDICTIONS.exists()
