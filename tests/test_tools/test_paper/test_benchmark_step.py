import json
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.slow

pytestmark = pytest.mark.slow

SCRIPT = ROOT / 'tools/paper/benchmark/step.py'

# of each method, in forward passes of B images; see its paper
PASSES = {
    'none (supervised)': [3],
    'DCC': [3, 3, 3],
    'FixMatch': [3, 1, 3],
    # published with labeled and weak images in one pass, and a second one
    # for the labels that are pasted: [6, 1, 3] and [6, 1, 6]
    'FixMatch V1': [3, 1, 3],
    'UniMatch V1': [3, 3, 6],
    'UniMatch V2': [3, 1, 6],
    'CPS': [3, 3, 3, 3],
    # published with two batches of unlabeled images: [3, 3, 2, 2, 3, 3]
    'CPS + CutMix': [3, 3, 1, 1, 3, 3],
    'CCT': [3, 3],
    'AdvSemiSeg': [3, 3],
    # a teacher of weak views, a student of strong ones
    'Mean teacher': [3, 1, 3],
    'CutMix-Seg': [3, 1, 3],
    'ClassMix': [3, 1, 3],
    'U2PL': [3, 1, 3, 1, 1],
    'S4GAN': [3, 3],
    # the corrector: to learn, for the gradient of the maps, to correct
    'ECS-style': [3, 3, 2, 3, 1],
    'GCT': [3, 3, 3, 3],
    'DCC + weak labels + pseudo labels': [3, 3, 3, 1, 3],
    'DCC + FixMatch': [3, 3, 3, 1, 3],
    'DCC + UniMatch V2': [3, 3, 3, 1, 6],
    'DCC + mean teacher': [3, 3, 3, 1],
    'DCC + CPS': [3, 3, 3, 3, 3],
}


@pytest.fixture
def measure(run, tmp_path):
    """Runs the tool on tiny images; returns its JSON and its output."""

    def measured(*options):
        path = tmp_path / 'step.json'
        out = run(sys.executable, SCRIPT, '--images', 2, '--repeats', 1,
                  '--json', path, *options)
        return json.loads(path.read_text()), out

    return measured


def test_step_and_warmup_are_measured(measure):
    results, out = measure('--parts', 'step', 'warm-up', '--side', 64,
                           '--negatives', 12800, '--warmup-iters', 1)
    assert [*results] == ['machine', 'step', 'warm-up']
    assert results['step']['with (s)'] > 0
    assert results['warm-up']['warm-up iteration of DCC (ms)'] > 0
    assert 'step without DC loss' in out


def test_passes_of_each_composition(measure):
    # the flaw detector of GCT wants 92 px
    others = [name for name in PASSES if name != 'GCT']
    (results, out), (larger, _) = (
        measure('--parts', 'compositions', '--composition-side', side,
                '--compositions', *names)
        for side, names in ((64, others), (96, ['GCT'])))
    results['compositions'] += larger['compositions']
    rows = {row['terms']: row for row in results['compositions']}
    assert {name: row['passes'] for name, row in rows.items()} == PASSES
    for name, row in rows.items():
        # those of discriminator and flaw detector are measured
        assert (row['critic'] > 0) == (name in ('AdvSemiSeg', 'GCT', 'S4GAN'))
        assert row['counted'] == pytest.approx(
            (sum(PASSES[name]) + row['critic']) / 3)
        assert row['excess'] == pytest.approx(
            row['measured'] / row['counted'] - 1)
    assert '| UniMatch V2 | 3 + 1 + 6 | 3.33 |' in out
