"""Tests of the table of gains over supervised training of equal cost."""
import csv
import json

import cost_table
import costs
import equal_cost
import paper_runs
import paper_tables
import pytest
import reproduce
from controls import is_control, with_controls
from mmengine.config import Config
from paper_runs import Run, Setup
from PIL import Image

DEMO = 'demo/deeplabv3plus_small_demo_{}.py'
PHOTOGRAPHS = [('ccp', 1), ('msrc21', 1), ('camvid', 2)]
TABLE = dict(
    title='Demo',
    header=['Method'],
    columns=['50'],
    costs=True,
    runs=3,
    lists_by_seed=False,
    gpus=0,
    rows=[
        dict(cell='supervised', baseline=True, header=['supervised'],
             configs=[DEMO.format('supervised')]),
        dict(cell='oracle', all_labels=True, header=['all labels'],
             configs=[DEMO.format('oracle')]),
        dict(cell='dcc', header=['DCC'], configs=[DEMO.format('dcc')]),
        dict(cell='fixmatch', header=['FixMatch'],
             configs=[DEMO.format('fixmatch')]),
        dict(cell='classmix', header=['ClassMix'],
             configs=[DEMO.format('classmix')]),
    ])
SCORES = {
    'supervised': (40., 41., 42.),
    'supervised 4000': (44., 47.),
    'dcc': (48., 49., 47.),
    'dcc control': (40.,),
    'oracle': (60.,),
}


@pytest.fixture
def setup(tmp_path, monkeypatch):
    """Setup with the passes per step of docs/speed.md."""

    def count(names):
        return {name: count_one(name) for name in names}

    def count_one(name):
        if name.endswith('.json'):  # with the options of its run
            assert is_control(Config.fromfile(name))
            return 5
        return 9 if 'dcc' in name else 7

    monkeypatch.setattr(equal_cost, 'count_passes', count)
    monkeypatch.setattr(costs, 'count_passes', count)
    monkeypatch.setattr(reproduce, 'load_preset',
                        lambda name: dict(labelings={}, tables={1: TABLE}))
    return Setup(tmp_path / 'ccp', {})


def cells_of(setup):
    table = with_controls(TABLE)
    return equal_cost.with_equal_cost(
        paper_tables.cells_of(1, table, None), table, setup)


def finish(setup):
    for cell in cells_of(setup):
        for run in cell.runs:
            method = run.config[:-3].split('_demo_')[1]
            variant = run.variant.split(' ')[0]
            scores = SCORES.get(f'{method} {variant}'.strip())
            if scores and run.seed < len(scores):
                work_dir = paper_runs.work_dir_of(run, setup)
                work_dir.mkdir(parents=True, exist_ok=True)
                (work_dir / 'result.json').write_text(
                    json.dumps(
                        dict(command=paper_runs.cache_key(run, setup),
                             mIoU=scores[run.seed], minutes=8.,
                             core_minutes=None if run.seed else 10.5)))


def collect(setup, *options):
    reproduce.main([
        '--preset', 'ccp', '--work-dir', str(setup.folder.parent), '--collect',
        *options
    ])


def test_cost_in_passes_of_an_image(setup):
    found = costs.costs_of(cells_of(setup), setup)
    # 8 labeled images a step, 400 of 1,600 are the warm-up
    assert found['supervised'] == (1600, 1600 * 8) == found['oracle']
    assert found['dcc'] == (1600, 8 * (400 + 1200 * 3))
    assert found['dcc-equal-cost'] == (4000, 8 * 4000)
    assert found['dcc-control'] == (1600, 8 * (400 + 1200 * 5 // 3))
    assert 'supervised-equal-cost' not in found
    short = costs.costs_of(cells_of(setup), setup._replace(iterations=80))
    assert short['dcc'] == (80, 8 * (20 + 60 * 3))


def test_cost_of_epochs_on_gpus(setup):
    cell = paper_tables.Cell(1, 'dcc', 0, '1/8', None, None,
                             (Run('dcc/pspnet_r50_voc_1-8.py', 0, 0, 2), ))
    # 5 of 80 epochs are the warm-up; 4 labeled images on each GPU
    cost = costs.costs_of([cell], setup)['dcc']
    steps = cost.iterations // 80
    assert cost == (80 * steps, 230 * steps * 8)
    # as many images a step on one
    assert costs.costs_of([cell], setup._replace(gpus=1))['dcc'] == cost


def test_what_cannot_be_counted_has_no_cost(setup, monkeypatch):
    monkeypatch.setattr(costs, '_counts', lambda config: False)
    found = costs.costs_of(cells_of(setup), setup)
    assert found['dcc'] == (1600, None)
    lines = cost_table.lines_of(
        with_controls(TABLE), cells_of(setup), {}, found)
    assert '| DCC |  |  | 1,600 |  |  |  |  |  |' in cost_table.to_markdown(
        '', lines)


def test_table_of_costs(setup, capsys):
    finish(setup)
    collect(setup, '--equal-cost', '--controls')
    out = capsys.readouterr().out
    lines = [line for line in out.splitlines() if line.startswith('| ')]
    assert 'cost (forward-backward passes of an image)' in lines[0]
    assert lines[2:7] == [
        '| supervised | 41.0 ± 0.8 | 0, 1, 2 | 1,600 | 12,800 | 10.5 | 8.0 |  '
        '|  |',
        '| supervised, cost of FixMatch, ClassMix |  |  | 3,200 | 25,600 |  |'
        '  |  |  |',
        '| supervised, cost of DCC | 45.5 ± 1.5 | 0, 1 | 4,000 | 32,000 | 10.5'
        ' | 8.0 | +5.0 ± 1.0 |  |',
        '| all labels | 60.0 | 0 | 1,600 | 12,800 | 10.5 | 8.0 | +20.0 |  |',
        # of the two seeds that both have
        '| DCC | 48.0 ± 0.8 | 0, 1, 2 | 1,600 | 32,000 | 10.5 | 8.0 | '
        '+7.0 ± 1.4 | +3.0 ± 1.0 (2) |',
    ]
    assert lines[7].startswith('| control: DCC with all weights 0 | 40.0 | 0 ')
    assert (setup.folder / 'table_1.md').read_text() in out
    rows = {
        row['cell']: row for row in csv.DictReader(
            (setup.folder / 'table_1.csv').read_text().splitlines())
    }
    assert [row['kind'] for row in rows.values()] == [
        'supervised'
    ] * 3 + ['all labels'] + ['method', 'control'] * 3
    assert rows['dcc']['gains_at_equal_cost'] == '4.00 2.00'
    assert rows['dcc']['scores'] == '48.0 49.0 47.0'
    assert 'fixmatch, seed 0, 1, 2:\n' in out and 'dcc, seed' not in out
    with Image.open(setup.folder / 'cost.png') as picture:
        assert picture.size == (1050, 600)


def test_without_the_longer_trainings(setup, capsys):
    """Also with nothing trained: the picture is empty."""
    collect(setup)
    out = capsys.readouterr().out
    assert '| DCC |  |  | 1,600 | 32,000 |  |  |  |  |' in out
    assert 'cost of' not in out and 'weights 0' not in out
    assert (setup.folder / 'cost.png').exists()


def test_best_evaluation_has_a_column(setup, capsys, monkeypatch):
    finish(setup)
    monkeypatch.setattr(reproduce, 'best_of', lambda run, setup: 50.)
    collect(setup, '--best')
    out = capsys.readouterr().out
    assert '| gain over supervised of equal cost | best |' in out
    assert '| +7.0 ± 1.4 |  | 50.0 |' in out
    assert 'chosen on the tested images' in out


@pytest.mark.parametrize('name, number', PHOTOGRAPHS)
def test_tables_of_photographs(name, number):
    table = paper_tables.load_preset(name)['tables'][number]
    share, = table['columns']
    prefix = f'{name}/segformer_lite0_{name}_{share.replace("/", "-")}_'
    # cells are chosen by their beginnings
    other_names = dict(
        second_alone='self_training',
        second_dcc='self_training_dcc',
        second_classmix='classmix_self_training',
        second_mean_teacher='mean_teacher_self_training')
    assert [row['configs'] for row in table['rows']] == [
        [f'{prefix}{other_names.get(row["cell"], row["cell"])}.py']
        for row in table['rows']
    ]
    baseline, oracle = table['rows'][:2]
    assert baseline['baseline'] and oracle['all_labels'] and table['costs']
    cells = {c.name: c for c in paper_tables.cells_of(number, table, None)}
    assert {'dcc', 'fixmatch', 'unimatch_v2', 'classmix', 'mean_teacher',
            'cps'} < set(cells)
    # the labels of another draw, except where all have theirs
    assert [run.data_list for run in cells['dcc'].runs] == [0, 1, 2]
    assert [run.data_list for run in cells['oracle'].runs] == [0, 0, 0]
