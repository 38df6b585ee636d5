"""Tests of ``mmseg_dcc/apis/worth_it.py`` and of its tool."""
import json
import re

import pytest
from mmengine.config import Config

from mmseg_dcc.apis import worth_it
from mmseg_dcc.apis.worth_it import ALL, EQUAL_COST, HALF, METHOD
from mmseg_dcc.utils.input_error import InputError
from tests import tiny_training
from tests.own_config import write_own_config
from tests.project_configs import CONFIGS, load_config
from tests.tool_scripts import load_tool

DCC = 'demo/deeplabv3plus_small_demo_dcc.py'
TOOL = load_tool('worth_it.py')
# Stands in for tools/train.py: what it is told by its config.
STUB = """
import json, os, sys
from pathlib import Path
from mmengine.config import Config
config, folder = Config.fromfile(sys.argv[1]), Path(sys.argv[3])
assert sys.argv[4] == '--resume'
print('step', config.randomness.seed, os.environ.get('OMP_NUM_THREADS'))
if config.randomness.seed == 5:
    raise SystemExit('out of memory')
logs = folder / 'now/vis_data'
logs.mkdir(parents=True)
(logs / 'scalars.json').write_text(
    json.dumps(dict(loss=1., step=8)) + '\\n'
    + json.dumps({config.metric: 40. + config.randomness.seed, 'step': 8})
    + '\\n')
(folder / 'cost.json').write_text(json.dumps(dict(
    iterations=8, image_passes=96, seconds=60. * config.minutes)))
"""


@pytest.fixture
def tool(tmp_path):
    path = tmp_path / 'stub.py'
    path.write_text(STUB)
    return path


def make_run(folder, seed=0, metric='mIoU', minutes=2):
    return worth_it._run(
        ALL, seed, Config(dict(metric=metric, minutes=minutes)), folder)


def test_results_are_kept(tool, tmp_path, capfd, monkeypatch):
    monkeypatch.delenv('OMP_NUM_THREADS', raising=False)
    monkeypatch.setattr('os.cpu_count', lambda: 6)
    runs = [make_run(tmp_path, seed) for seed in (0, 1)]
    assert [worth_it.result_of(run) for run in runs] == [None, None]
    results = worth_it.make(runs, 2, tool)
    assert results == {
        ALL: [
            dict(mIoU=40. + seed, minutes=2., iterations=8, image_passes=96)
            for seed in (0, 1)
        ]
    }
    assert 'supervised, seed 1: mIoU 41.0 after 2.0' in capfd.readouterr().out
    assert (runs[1].folder / 'log.txt').read_text() == 'step 1 3\n'
    # nothing is left to do
    assert worth_it.make(runs, 1, tool_that_fails(tmp_path)) == results
    with pytest.raises(InputError, match='another config or other options'):
        worth_it.make([make_run(tmp_path, minutes=3)], 1, tool)


def tool_that_fails(folder):
    return folder / 'missing.py'


@pytest.mark.parametrize('wrong, message', [
    (dict(seed=5), r'(?s)failed.*step 5.*out of memory'),
    (dict(metric='mDice'), 'its log has no mIoU'),
])
def test_what_fails_is_told(wrong, message, tool, tmp_path):
    with pytest.raises(InputError, match=message):
        worth_it.make([make_run(tmp_path, **wrong)], 1, tool)


def test_trainings_of_a_method(tmp_path):
    config = load_config(DCC)
    assert worth_it.default_iterations(config) == 400
    runs = worth_it.runs_of(config, 200, (0, 1), tmp_path)
    assert [(run.kind, run.seed) for run in runs] == [
        (kind, seed) for kind in (METHOD, ALL, HALF) for seed in (0, 1)
    ]
    for run in runs:
        assert run.folder == tmp_path / run.kind / f'seed_{run.seed}'
        assert run.config.randomness.seed == run.seed
        assert run.config.train_cfg.max_iters == 200
        assert run.config.custom_hooks[-1].type == 'mmseg.CostHook'
    found = {
        METHOD: [dict(image_passes=5100)],
        ALL: [dict(image_passes=2000)]
    }
    longer, = worth_it.runs_of_equal_cost(
        config, 200, found, [0], tmp_path)
    assert longer.kind == EQUAL_COST
    assert longer.config.train_cfg.max_iters == 510
    assert longer.config.train_dataloader.batch_sampler.epoch_length == 510
    assert longer.config.model == runs[2].config.model


@pytest.mark.parametrize('name, changes, message', [
    ('demo/deeplabv3plus_small_demo_supervised.py', {},
     "EncoderDecoder on 1 data sets, 0 of them unlabeled; .*method='super"),
    (DCC, dict(val_evaluator=None), 'needs val_dataloader and val_evaluator'),
])
def test_no_method_is_refused(name, changes, message):
    config = load_config(name)
    config.merge_from_dict(changes)
    with pytest.raises(InputError, match=message):
        worth_it.check_config(config)


def make_here(runs, jobs, tool):
    """Runs the trainings in this process, which has imported everything."""
    for run in runs:
        config = Config(run.config.to_dict())
        config.work_dir = str(run.folder)
        config.experiment_name = config.visualizer.name = str(run.folder)
        tiny_training.run(config)
    return worth_it.make(runs, jobs, tool_that_fails(run.folder))


@pytest.mark.slow
def test_tool_from_begin_to_end(in_data_dir, tmp_path, monkeypatch, capsys):
    """A method costs (3 + 3 * 9) / 12 of supervised training here."""
    # that of the function beneath the decorator
    monkeypatch.setitem(TOOL.main.__wrapped__.__globals__, 'make', make_here)
    command = [
        str(CONFIGS / DCC), '--iterations', '4', '--out',
        str(tmp_path), '--cfg-options', 'train_dataloader.batch_size=4',
        'train_dataloader.num_workers=0', 'val_dataloader.num_workers=0',
        'default_hooks.logger.interval=1',
        'model.memory_bank.negatives_per_crop=20'
    ]
    TOOL.main(command)
    text = (tmp_path / 'report.txt').read_text()
    assert text in capsys.readouterr().out
    rows = re.findall(
        r'\|.*\| +(\d) \| +(\d) \| +(\d+) \| +([\d.]+) \| +[\d.]+ \|', text)
    # half of 4 labeled images
    assert [row[:3] for row in rows] == [('2', '0', '4'), ('4', '0', '4'),
                                         ('4', '0', '10'), ('4', '4', '4')]
    assert 'Labels: 4 instead of 2' in text and 'Only 2 validation' in text
    scores = dict(zip((HALF, ALL, EQUAL_COST, METHOD),
                      (float(row[3]) for row in rows)))
    for kind, score in scores.items():
        logged = [
            json.loads(line) for path in tmp_path.glob(
                f'{kind}/seed_0/*/vis_data/scalars.json')
            for line in path.read_text().splitlines()
        ]
        miou, = [line['mIoU'] for line in logged if 'mIoU' in line]
        assert round(miou, 1) == score


def test_data_of_ones_own(tmp_path, in_data_dir):
    config = Config.fromfile(str(write_own_config(tmp_path)))
    runs = worth_it.runs_of(config, 100, [0], tmp_path)
    assert worth_it.images_of(runs) == {
        HALF: 2, ALL: 4, 'unlabeled': 4, 'validation': 2}


def test_options(capsys):
    with pytest.raises(SystemExit):
        TOOL.parse_args(['a.py', '--seeds', '0'])
    assert '--seeds: got 0, expected 1 or more' in capsys.readouterr().err
    assert TOOL.parse_args(['a.py']).jobs == 1
