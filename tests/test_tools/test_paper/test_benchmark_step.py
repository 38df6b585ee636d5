"""Tests of the time and the passes of a training step."""
import json
import sys

import compositions
import pytest
import stand_ins

from tests.conftest import ROOT
from tests.sweeps import sweep

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
    'DCC + ClassMix': [3, 3, 3, 1, 3],
    'DCC + FixMatch': [3, 3, 3, 1, 3],
    'DCC + UniMatch V2': [3, 3, 3, 1, 6],
    'DCC + mean teacher': [3, 3, 3, 1],
    'DCC + CPS': [3, 3, 3, 3, 3],
}


@pytest.mark.slow
def test_tool_measures_step_warmup_and_compositions(run, tmp_path):
    """With the paper's network, on tiny images."""
    path = tmp_path / 'step.json'
    out = run(sys.executable, SCRIPT, '--images', 2, '--repeats', 1, '--side',
              64, '--negatives', 12800, '--warmup-iters', 1,
              '--composition-side', 64, '--compositions', 'UniMatch V2',
              '--json', path)
    results = json.loads(path.read_text())
    assert [*results] == ['machine', 'step', 'warm-up', 'compositions']
    assert results['step']['with (s)'] > 0
    assert results['warm-up']['warm-up iteration of DCC (ms)'] > 0
    assert 'step without DC loss' in out
    row, = results['compositions']
    assert row['passes'] == PASSES['UniMatch V2'] and row['memory'] > 0
    assert '| UniMatch V2 | 3 + 1 + 6 | 3.33 |' in out


def small_network(side):
    """The paper's network with a small backbone: passes are the same."""
    config = stand_ins.paper_network(side)
    config.merge_from_dict(
        dict(
            model=dict(
                backbone=dict(depth=18, base_channels=8),
                decode_head=dict(
                    in_channels=64,
                    channels=16,
                    c1_in_channels=8,
                    c1_channels=8))))
    return config


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(compositions, 'paper_network', small_network)
    # takes another step of each
    monkeypatch.setattr(compositions, 'peak_megabytes', lambda step: 1.)


def test_passes_of_every_composition_are_known():
    assert {*PASSES} == {*compositions.COMPOSITIONS}


@pytest.mark.parametrize(
    'name', sweep(PASSES, 'DCC', 'FixMatch', 'AdvSemiSeg'))
def test_passes_of_each_composition(name, small):
    # the flaw detector of GCT wants 92 px
    row = compositions.benchmark_composition(
        name, images=2, side=96 if name == 'GCT' else 64, repeats=1)
    assert row['passes'] == PASSES[name]
    # those of discriminator and flaw detector are measured
    assert (row['critic'] > 0) == (name in ('AdvSemiSeg', 'GCT', 'S4GAN'))
    assert row['counted'] == pytest.approx(
        (sum(PASSES[name]) + row['critic']) / 3)
    assert row['excess'] == pytest.approx(row['measured'] / row['counted'] - 1)
