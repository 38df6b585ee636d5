"""Tests of supervised training with as many passes as a method."""
import json
import subprocess
import sys

import comparison
import equal_cost
import paper_runs
import paper_tables
import pytest
import reproduce
from paper_runs import Run, Setup

from tests.conftest import ROOT
from tests.project_configs import load_config

DEMO = 'demo/deeplabv3plus_small_demo_{}.py'
PREFIX = str(ROOT / 'configs/demo/deeplabv3plus_small_demo_')
# of a step, see docs/speed.md
PASSES = {
    'advsemiseg': 6,
    'cct': 6,
    'control': 5,
    'cps': 12,
    'dcc': 9,
    'dcc_fixmatch': 13,
    'ecs': 12,
    'fixmatch': 7,
    'gct': 12,
    's4gan': 6,
    'supervised': 3,
    'u2pl': 9,
    'unimatch_v2': 10,
}


@pytest.fixture
def counted(monkeypatch):
    """Passes as counted once, and the names that were requested."""
    asked = []

    def count(names):
        asked.extend(names)
        return {name: 9 for name in names}

    monkeypatch.setattr(equal_cost, 'count_passes', count)
    return asked


def cells_of(number, preset, setup):
    table = paper_tables.load_preset(preset)['tables'][number]
    cells = paper_tables.cells_of(number, table, [0, 1])
    return {
        cell.name: cell
        for cell in equal_cost.with_equal_cost(cells, table, setup)
    }, table


@pytest.mark.slow
def test_passes_are_counted():
    """Passes of a config as it is, including terms of weight 0."""
    counted = equal_cost.count_passes([DEMO.format(name) for name in PASSES])
    assert counted == {
        DEMO.format(name): passes
        for name, passes in PASSES.items()
    }
    assert equal_cost.count_passes([]) == {}


@pytest.mark.parametrize('name, passes, length', [
    # 5 of 80 epochs are supervised, as in ablation/*_supervised_long.py
    ('dcc/pspnet_r50_voc_1-8.py', 9, 230),
    ('dcc/deeplabv3plus_r50_cityscapes_1-8.py', 9, 230),
    # 400 of 1,600 iterations
    (DEMO.format('dcc'), 9, 4000),
    (DEMO.format('fixmatch'), 7, 3200),
    # with two networks
    (DEMO.format('cps'), 12, 5600),
    # no warm-up
    (DEMO.format('advsemiseg'), 6, 3200),
])
def test_length(name, passes, length):
    config = load_config(name)
    assert equal_cost.equal_length(config, passes) == length


def test_warm_up_ends_where_the_first_term_begins():
    config = load_config(DEMO.format('dcc_fixmatch'))
    terms = config.model.terms
    terms.dc.start_iters, terms.pseudo.start_iters = 1000, 700
    assert equal_cost.equal_length(config, 9) == 700 + 3 * 900
    terms.pseudo.start_iters = 0  # the warm-up of 400
    assert equal_cost.equal_length(config, 9) == 4000


@pytest.mark.parametrize('length, long', [
    (230, 'ablation/pspnet_r50_voc_1-8_supervised_long.py'),
    (4000, 'ablation/deeplabv3plus_small_demo_supervised_long.py')])
def test_a_longer_schedule_is_that_of_the_ablation(length, long):
    name = ('supervised/pspnet_r50_voc_1-8.py'
            if length == 230 else DEMO.format('supervised'))
    run = equal_cost.lengthened(Run(name, 1, 0, 2), length)
    assert (run.config, run.seed) == (name, 1)
    config, expected = load_config(name), load_config(long)
    config.merge_from_dict(dict(run.options))
    for key in ('train_cfg', 'param_scheduler', 'train_dataloader'):
        assert config[key] == expected[key]


def test_each_method_of_a_table_gets_a_cell(counted, tmp_path):
    found, _ = cells_of(3, 'demo', Setup(tmp_path, {}))
    ours = found['exp-VIII-equal-cost']
    assert ours.column == 'mIoU, supervised of equal cost'
    assert ours.runs == tuple(
        equal_cost.lengthened(
            Run(DEMO.format('supervised'), seed, 0, 0), 4000)
        for seed in (0, 1))
    assert found['exp-I-equal-cost'].runs == ours.runs
    # supervised training, lambda = 0, twice as many labeled images a step
    for name in ('suponly', 'control', 'supervised-long', 'self-training'):
        assert found[f'{name}-equal-cost'].runs == ()
    assert sorted(set(counted)) == sorted(
        found[f'exp-{row}'].config
        for row in ('I', 'II', 'III', 'IV', 'V', 'VI', 'VII', 'VIII'))


def test_a_second_training_pays_for_its_teacher(counted, tmp_path,
                                                monkeypatch):
    monkeypatch.setattr(equal_cost, 'labeling_length', lambda *_: 100.4)
    preset = paper_tables.load_preset('demo')
    setup = Setup(tmp_path, preset['labelings'])
    found, _ = cells_of(3, 'demo', setup)
    equal, *_ = found['self-training-equal-cost'].runs
    # 9 passes a step are counted here: 3 times 1,600 steps of each
    assert equal.variant == f'{3 * 1600 + 3 * 1600 + 100} iterations'


@pytest.mark.slow
def test_passes_of_several_labeled_sets():
    student = 'ablation/deeplabv3plus_small_demo_self_training.py'
    both = 'beyond/deeplabv3plus_small_camvid_1-8_self_training_dcc.py'
    assert equal_cost.count_passes([student, both]) == {student: 6, both: 12}


def test_a_table_without_supervised_training_stays_as_it_is(tmp_path):
    found, table = cells_of(4, 'demo', Setup(tmp_path, {}))
    assert list(found) == [
        cell.name for cell in paper_tables.cells_of(4, table, [0, 1])
    ]


def test_table_has_a_column_with_the_length(counted, tmp_path):
    found, table = cells_of(3, 'demo', Setup(tmp_path, {}))
    ours, equal = found['exp-VIII'], found['exp-VIII-equal-cost']
    results = {run: dict(mIoU=48.) for run in ours.runs}
    results.update({run: dict(mIoU=47.) for run in equal.runs})
    lines = paper_tables.to_markdown(3, table, [*found.values()],
                                     results).split('\n')
    assert lines[2].endswith('| PF | mIoU | mIoU, supervised of equal cost |')
    assert lines[4].endswith('|  |  |  |')
    assert lines[15].endswith(
        '| ✓ | 48.0 ± 0.0 (2) | 47.0 ± 0.0 (2) 4000 iterations |')
    assert lines[17].endswith('(runs), length')


def test_schedules_that_are_shortened_stay_comparable(counted, tmp_path):
    setup = Setup(tmp_path, {}, iterations=80)
    found, _ = cells_of(3, 'demo', setup)
    run = found['exp-VIII-equal-cost'].runs[0]
    command, = paper_runs.commands_of(run, setup)
    # 20 + 60 * 3
    assert 'train_cfg.max_iters=200 ' in command
    assert paper_runs.work_dir_of(run, setup).parent.name == '200_iterations'


def test_methods_beside_supervised_training_of_their_cost(
        counted, tmp_path, monkeypatch, capsys):
    commands = []
    monkeypatch.setattr(
        subprocess, 'run', lambda command, check: commands.append(command))
    monkeypatch.setattr(
        reproduce, 'result_of', lambda run, setup: dict(
            mIoU=40. + 2 * bool(run.variant) + ('dcc' in run.config) * 3,
            minutes=2.))
    reproduce.main([
        '--configs', PREFIX, '--methods', 'supervised', 'dcc', 'fixmatch',
        '--controls', '--equal-cost', '--work-dir', str(tmp_path)
    ])
    out = capsys.readouterr().out
    assert '6 trainings, 6 of them' in out
    assert ('| DCC | 43.0 | +3.0 | 43.0 | 2.0 | 42.0 (4000 iterations) | '
            '+1.0 |') in out
    assert '| supervised only | 40.0 |  | 40.0 | 2.0 |  |  |' in out
    assert ('| control: DCC with all weights 0 | 45.0 | +5.0 | 45.0 | 2.0 |  '
            '|  |') in out
    results = json.loads((tmp_path / 'results.json').read_text())
    assert [*results] == [
        'supervised', 'dcc', 'dcc-control', 'fixmatch', 'fixmatch-control'
    ]
    assert results['dcc']['equal_cost']['runs'] == [42.]
    command, = commands
    assert command[:2] == [sys.executable, str(comparison.PREDICTIONS)]
    labels = command[command.index('--labels') + 1:command.index('--out')]
    # both methods have 9 passes here, so one training
    assert labels == [
        'supervised', 'supervised, 4000', 'DCC', 'dcc-control', 'FixMatch',
        'fixmatch-control'
    ]
    assert len(command[2:command.index('--labels')]) == len(labels)


def test_the_first_method_must_be_supervised(counted, tmp_path):
    with pytest.raises(SystemExit, match="first of --methods is 'dcc'"):
        reproduce.main([
            '--configs', PREFIX, '--methods', 'dcc', 'supervised',
            '--equal-cost', '--work-dir', str(tmp_path), '--dry-run'
        ])
