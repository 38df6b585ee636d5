import json
import sys

from tests.conftest import ROOT

SCRIPT = ROOT / 'tools/paper/benchmark/step.py'


def test_step_and_warmup_are_measured(run, tmp_path):
    out = run(sys.executable, SCRIPT, '--images', 2,
              '--side', 64, '--negatives', 12800, '--repeats', 1,
              '--warmup-iters', 1, '--json', tmp_path / 'step.json')
    results = json.loads((tmp_path / 'step.json').read_text())
    assert results['step']['with (s)'] > 0
    assert results['warm-up']['warm-up iteration of DCC (ms)'] > 0
    assert 'step without DC loss' in out
