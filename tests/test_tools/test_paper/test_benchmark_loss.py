import json
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

SCRIPT = ROOT / 'tools/paper/benchmark/loss.py'


def test_schemes_agree_and_are_measured(run, tmp_path):
    out = run(sys.executable, SCRIPT, '--positions', 60, '--negatives', 9000,
              '--repeats', 1, '--json', tmp_path / 'loss.json')
    results = json.loads((tmp_path / 'loss.json').read_text())
    assert [row['classes'] for row in results['rows']
            ] == [21, 2, 150, 21, 2, 150]
    assert all(row['times faster'] > 0 for row in results['rows'])
    assert results['machine']['torch']
    assert '| classes | class 0 |' in out


def test_curve(run, tmp_path):
    run(sys.executable, SCRIPT, '--positions', 600, '--repeats', 1, '--curve',
        tmp_path / 'curve.png', '--curve-negatives', 500, 40000, '--json',
        tmp_path / 'curve.json')
    rows = json.loads((tmp_path / 'curve.json').read_text())['rows']
    assert [row['negatives'] for row in rows] == [500, 40000]
    # all rows and chunks of 8,000 against the active rows and one tile
    assert rows[1]['published (MB)'] > 3 * rows[1]['ours (MB)']
    assert (tmp_path / 'curve.png').read_bytes().startswith(b'\x89PNG')
