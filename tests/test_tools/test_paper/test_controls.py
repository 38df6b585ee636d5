"""Tests of lambda = 0 by options, without a config of its own."""
import comparison
import controls
import paper_runs
import paper_tables
import pytest
import reproduce
from mmengine.config import Config
from paper_runs import Run, Setup

from tests.conftest import ROOT
from tests.project_configs import load_config
from tests.tiny_training import train

PREFIX = str(ROOT / 'configs/demo/deeplabv3plus_small_demo_')


@pytest.mark.parametrize('method, keys', [
    ('dcc', {'model.loss_dc.loss_weight'}),
    ('fixmatch', {'model.terms.pseudo.weight'}),
    ('dcc_fixmatch', {'model.terms.dc.weight', 'model.terms.pseudo.weight'}),
    ('dcc_weak_teacher', {
        'model.loss_dc.loss_weight', 'model.terms.weak.weight',
        'model.terms.pseudo.weight'
    }),
    ('supervised', set()),
])
def test_every_term_is_named(method, keys):
    config = load_config(f'demo/deeplabv3plus_small_demo_{method}.py')
    options = controls.control_options(config)
    assert set(options) == keys and set(options.values()) <= {0.}
    assert not controls.is_control(config)
    config.merge_from_dict(options)
    assert controls.is_control(config) == bool(keys)


def test_ramps_and_terms_that_are_off():
    config = Config(
        dict(
            model=dict(
                type='SemiEncoderDecoder',
                terms=dict(
                    a=dict(weight=dict(peak=1., iters=9)),
                    b=None,
                    c=dict(type='Some')))))
    options = controls.control_options(config)
    config.merge_from_dict(options)
    assert config.model.terms.a.weight == 0 == config.model.terms.c.weight
    assert config.model.terms.b is None


def test_the_control_of_dcc_is_its_config():
    config = load_config('demo/deeplabv3plus_small_demo_dcc.py')
    config.merge_from_dict(controls.control_options(config))
    control = load_config('demo/deeplabv3plus_small_demo_control.py')
    assert config.to_dict() == control.to_dict()
    assert controls.is_control(control)


def test_rows_of_controls_follow_their_methods():
    table = controls.with_controls(
        comparison.comparison_table(
            PREFIX, ['supervised', 'control', 'dcc', 'fixmatch']))
    assert [row['cell'] for row in table['rows']] == [
        'supervised', 'control', 'dcc', 'dcc-control', 'fixmatch',
        'fixmatch-control'
    ]
    assert [row['header'][0] for row in table['rows']][3:] == [
        'control: DCC with all weights 0', 'FixMatch',
        'control: FixMatch with all weights 0'
    ]
    assert [row['baseline'] for row in table['rows']] == [True] + [False] * 5


def test_control_is_another_training(tmp_path, capsys):
    reproduce.main([
        '--configs', PREFIX, '--methods', 'supervised', 'fixmatch',
        '--controls', '--work-dir', str(tmp_path), '--dry-run'
    ])
    lines = capsys.readouterr().out.splitlines()
    name = 'deeplabv3plus_small_demo_fixmatch'
    control, = (line for line in lines if f'{name}/control/seed_0 ' in line)
    assert control.endswith(' model.terms.pseudo.weight=0.0')
    plain, = (line for line in lines if f'{name}/seed_0 ' in line)
    assert 'weight' not in plain
    run = Run('a.py', 0, 0, 0, 'control', (('model.x', 0.), ))
    assert paper_runs.cache_key(run, Setup(tmp_path, {})) == [
        'a.py', 'seed 0', 'list 0', 'control'
    ]


def test_weights_of_0_reach_the_training(in_data_dir, tmp_path):
    name = 'demo/deeplabv3plus_small_demo_fixmatch.py'
    _, steps = train(
        tmp_path,
        controls.control_options(load_config(name)),
        config=ROOT / 'configs' / name)
    assert [step['unsup_loss_pseudo'] for step in steps] == [0.] * 4


def rows_of(preset, number, *beginnings):
    """Table with some of the rows."""
    table = paper_tables.load_preset(preset)['tables'][number]
    return dict(
        table,
        rows=[r for r in table['rows'] if r['cell'].startswith(beginnings)])


def test_controls_of_a_preset(tmp_path, capsys, monkeypatch):
    """Per column: a cell without a config has no control."""
    table = rows_of('paper', 1, 'dlv3plus-plain-r50-')
    rows = {row['cell']: row for row in controls.with_controls(table)['rows']}
    assert not [name for name in rows if 'suponly-control' in name]
    plain = rows['dlv3plus-plain-r50-{column}-ours']
    control = rows['dlv3plus-plain-r50-{column}-ours-control']
    assert control['configs'] == plain['configs']
    assert [len(variant) for variant in control['variants']] == [0, 2, 0, 0]
    assert control['header'][0] == 'control: Ours with all weights 0'
    assert len(control['header']) == len(plain['header'])
    monkeypatch.setattr(
        reproduce, 'load_preset', lambda name: dict(
            labelings={}, tables={1: rows_of('demo', 1, 'cct')}))
    reproduce.main([
        '--preset', 'demo', '--table', '1', '--cell', 'cct-control', '--seeds',
        '1', '--controls', '--work-dir', str(tmp_path), '--dry-run'
    ])
    title, command = capsys.readouterr().out.splitlines()
    assert title.endswith('seed 1, list 0, control (Table 1 cct-control)')
    assert '/deeplabv3plus_small_demo_cct/control/seed_1 ' in command
    assert ' model.terms.' in command and command.endswith('.weight=0.0')


def test_a_control_has_no_value_in_the_paper():
    table = rows_of('paper', 3, 'control', 'exp-VIII')
    cells = paper_tables.cells_of(3, controls.with_controls(table), None)
    control, = (cell for cell in cells if cell.name == 'exp-VIII-control')
    assert control.paper is None and control.runs[0].variant == 'control'
    # is one itself
    assert 'control-control' not in [cell.name for cell in cells]
