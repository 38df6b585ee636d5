import json
import sys

from tests.conftest import ROOT


def test_both_schemes_agree_and_are_timed(run, tmp_path):
    out = run(sys.executable, ROOT / 'tools/benchmark/loss.py', '--positions',
              60, '--negatives', 9000, '--repeats', 1, '--json',
              tmp_path / 'loss.json')
    rows = json.loads((tmp_path / 'loss.json').read_text())
    assert [row['classes'] for row in rows] == [21, 21, 150, 150, 2, 2]
    assert out.count('class 0') == 6
