"""Tests of cells, their trainings and commands, and their tables."""
import csv
import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import paper_runs
import paper_tables
import psutil
import pytest
import reproduce
import trainings
from paper_runs import Labeling, Run, Setup

from tests.conftest import ROOT
from tests.project_configs import CONFIGS, load_config

PRESETS = ['paper', 'demo', 'ccp', 'msrc21', 'camvid']
DCC = 'dcc/pspnet_r50_voc_1-8.py'
SUPERVISED = 'supervised/pspnet_r50_voc_1-8.py'
STUDENT = 'ablation/pspnet_r50_voc_1-8_self_training.py'
WEAK = 'weak/pspnet_r50_voc_1464_weak.py'
TABLE = dict(
    title='Some',
    header=['Method', 'SegNet'],
    columns=['1/8', 'Full'],
    runs=3,
    lists_by_seed=True,
    gpus=2,
    rows=[
        dict(cell='psp-{column}-cct', header=['CCT', 'PSPNet'],
             paper=[68.8, None]),
        dict(cell='psp-{column}-ours', header=['Ours', 'PSPNet'],
             paper=[71.3, 76.4],
             configs=[DCC, 'dcc/pspnet_r50_voc_full.py']),
    ])


@pytest.fixture
def setup(tmp_path):
    return Setup(tmp_path / 'paper', {})


def cells(seeds=None, **changes):
    return paper_tables.cells_of(1, dict(TABLE, **changes), seeds)


def finish(run, setup, miou):
    """Writes the files of a training that this tool has started."""
    work_dir = paper_runs.work_dir_of(run, setup)
    work_dir.mkdir(parents=True, exist_ok=True)
    result = dict(command=paper_runs.cache_key(run, setup), mIoU=miou)
    (work_dir / 'result.json').write_text(json.dumps(result))


def evaluate(run, setup, step, miou):
    """Writes the files of an evaluation by mmengine, whoever started it."""
    folder = paper_runs.work_dir_of(run, setup) / '20260101_000000/vis_data'
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / 'scalars.json', 'a') as file:
        file.write(json.dumps(dict(loss=1., step=step)) + '\n')
        file.write(json.dumps(dict(mIoU=miou, step=step)) + '\n')


def options(command):
    """Values after ``--cfg-options`` in a command, by key."""
    words = shlex.split(command)
    return dict(
        word.split('=', 1) for word in words[words.index('--cfg-options') +
                                             1:])


@pytest.mark.parametrize('number', [1, 2])
def test_values_of_the_paper_are_in_their_order(number):
    """More labels are better; DCC is the best of its network.

    But for all labels of Cityscapes, as printed.
    """
    table = paper_tables.load_preset('paper')['tables'][number]
    networks = {}
    for row in table['rows']:
        values = row.get('paper', [])
        known = [value for value in values if value is not None]
        assert known == sorted(known)
        if values:
            networks.setdefault(tuple(row['header'][1:]), []).append(values)
    assert networks
    for rows in networks.values():
        columns = [*zip(*rows)]
        if number == 2:
            columns.pop()
        for values in columns:
            # the first row is supervised, the last ours; one may lack a value
            assert values[-1] == max(filter(None, values)) > values[0]


@pytest.mark.parametrize('network, method', [
    ('pspnet-r50', 'cct'),
    ('dlv3plus-r50', 'ecs'),
    ('dlv3plus-r101', 's4gan'),
    ('dlv3plus-r101', 'gct'),
])
def test_other_methods_of_table_1_train(network, method):
    """At each ratio; its baseline is the row above."""
    table = paper_tables.load_preset('paper')['tables'][1]
    row, = (c for c in paper_tables.cells_of(1, table, [0, 2])
            if c.name == f'{network}-1/4-{method}')
    configs = [
        f'{method}/{network.replace("dlv3plus", "deeplabv3plus")}'
        f'_voc_{ratio}.py'.replace('-r', '_r')
        for ratio in ('1-16', '1-8', '1-4', 'full')
    ]
    assert table['rows'][row.row]['configs'] == configs
    assert row.runs == (Run(configs[2], 0, 0, 2), Run(configs[2], 2, 2, 2))
    names = [r['cell'] for r in table['rows'][:row.row] if r.get('baseline')]
    assert names[-1] == f'{network}-{{column}}-suponly'


@pytest.mark.parametrize('preset', PRESETS)
def test_each_named_config_exists(preset):
    preset = paper_tables.load_preset(preset)
    named = {
        config for table in preset['tables'].values()
        for row in table['rows'] for config in row.get('configs', [])
        if config
    }
    labelings = preset['labelings']
    assert named >= set(labelings) and len(named) > 5
    for recipe in labelings.values():
        kind, = {'teacher', 'classifier', 'masks_of'} & set(recipe)
        assert kind != 'masks_of' or 'classifier' in labelings[recipe[kind]]
        named.add(recipe[kind])
    # tests/test_configs.py loads them
    assert not {
        config for config in named if not (CONFIGS / config).is_file()
    }


@pytest.mark.parametrize('preset', PRESETS)
def test_every_table_is_complete(preset):
    preset = paper_tables.load_preset(preset)
    for number, table in preset['tables'].items():
        for row in table['rows']:
            assert len(row['header']) == len(table['header'])
            for key in ('paper', 'configs'):
                if key in row:
                    assert len(row[key]) == len(table['columns'])
        names = [c.name for c in paper_tables.cells_of(number, table, None)]
        assert len(set(names)) == len(names) >= 2


def test_seed_and_data_list_of_each_run():
    cct, _, ours, full = cells()
    assert cct.runs == () and cct.config is None and cct.paper == 68.8
    assert ours.runs == tuple(Run(DCC, k, k, 2) for k in range(3))
    assert full.runs[1].config == 'dcc/pspnet_r50_voc_full.py'
    one_list = cells(seeds=[0, 1], lists_by_seed=False)[2]
    assert one_list.runs == (Run(DCC, 0, 0, 2), Run(DCC, 1, 0, 2))


def test_cells_are_chosen_by_name_or_beginning():
    names = [c.name for c in reproduce.choose_cells(cells(), None)]
    assert names == ['psp-1/8-ours', 'psp-full-ours']
    chosen = reproduce.choose_cells(cells(), ['psp-1/8'])
    assert [cell.name for cell in chosen] == ['psp-1/8-ours']
    for unknown in ('psp-1', 'psp-1/8-cct'):
        with pytest.raises(SystemExit, match='psp-full-ours'):
            reproduce.choose_cells(cells(), [unknown])
    with pytest.raises(SystemExit, match=r'got \[7\], expected .*\[1\]'):
        reproduce.choose_tables(dict(tables={1: TABLE}), [1, 7])


def test_a_run_of_two_cells_is_made_once_after_what_it_needs(setup):
    twice = cells(seeds=[0])[2:3] * 2
    assert reproduce.steps_of(twice, setup) == [Run(DCC, 0, 0, 2)]
    setup = setup._replace(labelings={DCC: dict(teacher=SUPERVISED)})
    assert reproduce.steps_of(cells(seeds=[0, 1])[2:3], setup) == [
        kind(config, seed, seed, 2)
        for seed in (0, 1)
        for kind, config in ((Run, SUPERVISED), (Labeling, DCC), (Run, DCC))
    ]


def test_a_student_may_teach(setup):
    setup = setup._replace(labelings={
        DCC: dict(teacher=STUDENT),
        STUDENT: dict(teacher=SUPERVISED)
    })
    steps = reproduce.steps_of(cells(seeds=[0])[2:3], setup)
    assert [step.config for step in steps] == [
        SUPERVISED, STUDENT, STUDENT, DCC, DCC
    ]


def test_what_a_finished_training_needed_is_not_made(setup):
    setup = setup._replace(labelings={DCC: dict(teacher=SUPERVISED)})
    finish(Run(DCC, 0, 0, 2), setup, 72.)
    cell = cells(seeds=[0])[2:3]
    assert reproduce.steps_of(cell, setup) == [Run(DCC, 0, 0, 2)]


def test_command_on_gpus(setup, monkeypatch):
    monkeypatch.chdir(ROOT)
    command, = paper_runs.commands_of(Run(DCC, 0, 0, 2), setup)
    assert command == (
        f'bash tools/dist_train.sh configs/{DCC} 2 --work-dir '
        f'{setup.folder}/dcc/pspnet_r50_voc_1-8/seed_0 --resume '
        '--cfg-options randomness.seed=0')


def test_command_on_the_cpu(setup, in_data_dir):
    command, = paper_runs.commands_of(Run(DCC, 0, 0, 0), setup)
    python, *words = shlex.split(command)
    assert python.endswith('python')
    assert words[:3] == [
        f'{ROOT}/tools/train.py', f'{ROOT}/configs/{DCC}', '--work-dir'
    ]
    assert '--resume' in words


def test_seed_1_trains_on_data_list_1(setup):
    command, = paper_runs.commands_of(Run(DCC, 1, 1, 2), setup)
    lists = 'ImageSets/Segmentation/dcc/1-8_seed1_{}.txt'
    datasets = 'train_dataloader.dataset.datasets.{}.ann_file'
    assert options(command) == {
        'randomness.seed': '1',
        datasets.format(0): lists.format('labeled'),
        datasets.format(1): lists.format('unlabeled')
    }
    assert '/pspnet_r50_voc_1-8/seed_1_list_1 ' in command


def test_no_data_list_to_replace(setup):
    run = Run('demo/deeplabv3plus_small_demo_dcc.py', 1, 1, 0)
    with pytest.raises(ValueError, match='lists_by_seed: false'):
        paper_runs.commands_of(run, setup)


@pytest.mark.parametrize('gpus', [0, 1, 2, 4, 8])
def test_images_of_a_step_stay_on_other_gpus(setup, gpus):
    run = Run(DCC, 0, 0, 2)
    command, = paper_runs.commands_of(run, setup._replace(gpus=gpus))
    config = load_config(DCC)
    config.merge_from_dict({
        key: int(value)
        for key, value in options(command).items()
    })
    loader = config.train_dataloader
    assert loader.batch_size * max(gpus, 1) == 16
    assert ('dist_train.sh' in command) == (gpus > 0)


def test_gpus_that_cannot_share_the_images(setup):
    with pytest.raises(SystemExit, match='got 3, expected a divisor of 8'):
        paper_runs.commands_of(Run(DCC, 0, 0, 2), setup._replace(gpus=3))


def test_second_training_reads_the_masks_of_its_teacher(setup):
    recipe = dict(teacher=SUPERVISED, options=['--tta'])
    setup = setup._replace(labelings={STUDENT: recipe})
    run = Run(STUDENT, 1, 1, 2)
    labeling, = paper_runs.dependencies(run, setup)
    make, = paper_runs.commands_of(labeling, setup)
    train, = paper_runs.commands_of(run, setup)
    teacher = setup.folder / 'supervised/pspnet_r50_voc_1-8/seed_1_list_1'
    assert re.fullmatch(
        rf'.*python .*tools/make_pseudo_masks.py .*configs/{STUDENT} '
        rf'"\$\(cat {teacher}/last_checkpoint\)" --tta --work-dir .*', make)
    masks = paper_runs.work_dir_of(labeling, setup) / 'masks'
    assert masks.parent.name == 'labeling_seed_1_list_1'
    config = load_config(STUDENT)
    for command in (make, train):
        config.merge_from_dict(options(command))
        for dataset, kind in zip(config.train_dataloader.dataset.datasets,
                                 ('labeled', 'unlabeled')):
            assert dataset.ann_file.endswith(f'1-8_seed1_{kind}.txt')
        labeled, pseudo = config.train_dataloader.dataset.datasets
        assert pseudo.data_prefix.seg_map_path == str(masks)
        assert labeled.data_prefix.seg_map_path == 'SegmentationClassAug'


def test_weak_masks_are_made_of_image_labels(setup):
    recipe = paper_tables.load_preset('paper')['labelings'][WEAK]
    setup = setup._replace(labelings={WEAK: recipe})
    run = Run(WEAK, 1, 0, 2)
    labeling, = paper_runs.dependencies(run, setup)
    assert paper_runs.dependencies(labeling, setup) == []
    labels, train, masks = map(shlex.split,
                               paper_runs.commands_of(labeling, setup))
    config = load_config(WEAK).train_dataloader.dataset.datasets[1]
    classifier = load_config(recipe['classifier'])
    data = classifier.train_dataloader.dataset
    assert labels[-1] == f'{data.data_root}/{data.ann_file}'
    for script, words in (('make_image_labels', labels), ('train', train),
                          ('make_cam_masks', masks)):
        assert Path(words[1]).name == f'{script}.py'
        assert Path(words[1]).is_absolute() or (ROOT / words[1]).is_file()
    work_dir = train[train.index('--work-dir') + 1]
    assert masks[3] == f'$(cat {work_dir}/last_checkpoint)'
    assert masks[masks.index('--out-dir') + 1] == (
        f'{config.data_root}/{config.data_prefix.weak_seg_map_path}')
    # the config of the runs names this folder
    assert 'weak_seg_map_path' not in paper_runs.commands_of(run, setup)[0]
    short = paper_runs.commands_of(labeling, setup._replace(iterations=80))[1]
    classifier.merge_from_dict(
        {key: int(value)
         for key, value in options(short).items()})
    assert classifier.train_cfg.max_epochs == 1
    assert classifier.param_scheduler[0].end == 1


def test_weak_masks_of_another_config_are_made_once(setup):
    other = 'weak/pspnet_vgg16_voc_1464_weak.py'
    recipes = {WEAK: paper_tables.load_preset('paper')['labelings'][WEAK]}
    setup = setup._replace(labelings=dict(recipes, **{
        other: dict(masks_of=WEAK)}))
    runs = (Run(WEAK, 0, 0, 2), Run(other, 1, 0, 2))
    steps = reproduce.steps_of([cells()[2]._replace(runs=runs)], setup)
    assert steps == [Labeling(WEAK, None, 0, 2), *runs]
    assert 'weak_seg_map_path' not in paper_runs.commands_of(runs[1], setup)[0]


def test_configs_that_share_masks_name_one_folder():
    labelings = paper_tables.load_preset('paper')['labelings']
    shared = {
        config: recipe['masks_of']
        for config, recipe in labelings.items() if 'masks_of' in recipe
    }
    assert shared
    for config, source in shared.items():
        if not (CONFIGS / config).is_file():
            pytest.skip(f'no {config}')  # see test_each_named_config_exists
        folders = {
            load_config(name).unlabeled_dataset.data_prefix.weak_seg_map_path
            for name in (config, source)
        }
        assert len(folders) == 1


@pytest.mark.parametrize('preset, number, column', [
    ('paper', 1, '1/8'), ('paper', 5, 'Weakly'), ('demo', 1, '50 labels')])
@pytest.mark.slow
def test_commands_of_a_column(preset, number, column, setup):
    """For rows with a config, for a seed with its own list."""
    preset = paper_tables.load_preset(preset)
    setup = setup._replace(labelings=preset['labelings'])
    runs = {
        cell.runs[0].config: cell.runs[0] for cell in paper_tables.cells_of(
            number, preset['tables'][number], [1])
        if cell.runs and cell.column == column and 'supervised' not in (
            cell.config) and (CONFIGS / cell.config).is_file()
    }
    assert len(runs) >= 2
    for run in runs.values():
        command, = paper_runs.commands_of(run, setup)
        assert f'configs/{run.config} ' in command
        assert options(command)['randomness.seed'] == '1'


def test_each_step_waits_for_those_it_needs(setup, monkeypatch):
    jobs = []
    monkeypatch.setattr(reproduce, 'run_all',
                        lambda todo, at_a_time: jobs.extend(todo))
    setup = setup._replace(labelings={DCC: dict(teacher=SUPERVISED)})
    cell = cells(seeds=[0])[2:3]
    steps = reproduce.steps_of(cell, setup)
    reproduce.make_steps(steps, setup, 1)
    assert [list(job.depends_on) for job in jobs] == [[], jobs[:1], jobs[1:2]]
    finish(steps[0], setup, 64.)
    jobs.clear()
    reproduce.make_steps(reproduce.steps_of(cell, setup), setup, 1)
    assert [list(job.depends_on) for job in jobs] == [[], jobs[:1]]
    # no training, so nothing to be evaluated
    assert jobs[0].outcome() == {}


@pytest.mark.parametrize('config, end', [
    (DCC, 'train_cfg.max_epochs'),
    ('demo/deeplabv3plus_small_demo_dcc.py', 'train_cfg.max_iters')])
def test_shortened_schedules_are_whole(config, end):
    config = load_config(config)
    short = trainings.shortened(config, 80)
    config.merge_from_dict(short)
    length = config.train_dataloader.batch_sampler.epoch_length
    epochs = end.endswith('epochs')
    assert short[end] * (length if epochs else 1) == 80
    assert config.param_scheduler[-1].end == short[end]
    warmup = config.custom_hooks[0]
    assert 20 == (warmup.warmup_epochs *
                  length if epochs else warmup.warmup_iters)
    with pytest.raises(SystemExit, match='got 3, expected'):
        trainings.shortened(config, 3)


def test_result_of_a_training_started_by_hand(setup):
    run = Run(DCC, 0, 0, 2)
    assert paper_runs.result_of(run, setup) is None
    evaluate(run, setup, 75, 70.)
    assert paper_runs.result_of(run, setup) is None
    evaluate(run, setup, 80, 72.)
    assert paper_runs.result_of(run, setup) == dict(mIoU=72.)
    # the last of 4 short epochs, which is none of the whole schedule
    assert paper_runs.result_of(run, setup._replace(iterations=20)) is None


def test_result_made_with_other_options_is_refused(setup):
    run = Run(DCC, 0, 0, 2)
    finish(run, setup._replace(iterations=20), 30.)
    with pytest.raises(SystemExit, match='other options'):
        paper_runs.result_of(run, setup)
    finish(run, setup, 72.)
    assert paper_runs.result_of(run, setup._replace(gpus=1))['mIoU'] == 72.


def test_result_of_a_project_that_has_another_name(setup, tmp_path):
    """The configs of --configs are identified by their paths."""
    before, now = (tmp_path / name / 'configs/mine_dcc.py'
                   for name in ('project', 'renamed'))
    now.parent.mkdir(parents=True)
    now.write_text('x = 1')
    finish(Run(str(before), 0, 0, 0), setup, 72.)
    run = Run(str(now), 0, 0, 0)
    assert paper_runs.result_of(run, setup)['mIoU'] == 72.
    # a copy, and then another config of the same name
    before.parent.mkdir(parents=True)
    before.write_text('x = 1')
    assert paper_runs.result_of(run, setup)['mIoU'] == 72.
    before.write_text('x = 2')
    with pytest.raises(SystemExit, match='other options: .*project/') as end:
        paper_runs.result_of(run, setup)
    # it may be the work of days
    assert 'emove' not in str(end.value)


def test_cell_text():
    cell = cells()[2]

    def text(scores, cell=cell):
        results = dict(zip(cell.runs, [dict(mIoU=s) for s in scores]))
        return paper_tables.format_cell(cell, results)

    assert text([]) == '[71.3]'
    assert text([70.]) == '70.0 (1 of 3) [71.3]'
    assert text([69., 72., 69.]) == '70.0 ± 1.4 (3) [71.3]'
    assert text([69., 68., 73.], cell._replace(paper=None)) == (
        '70.0 ± 2.2 (3)')


def test_markdown_and_csv():
    planned = cells()
    results = {run: dict(mIoU=70. + run.seed) for run in planned[2].runs}
    lines = paper_tables.to_markdown(1, TABLE, planned, results).split('\n')
    assert lines[2:7] == [
        '| Method | SegNet | 1/8 | Full |', '| --- | --- | --- | --- |',
        '| CCT | PSPNet | [68.8] |  |',
        '| Ours | PSPNet | 71.0 ± 0.8 (3) [71.3] | [76.4] |', ''
    ]
    rows = list(
        csv.DictReader(
            paper_tables.to_csv(TABLE, planned, results).splitlines()))
    assert [row['cell'] for row in rows] == [c.name for c in planned]
    assert rows[2] == dict(
        table='1', cell='psp-1/8-ours', method='Ours', column='1/8',
        config=DCC, paper='71.3', mean='71.0', std='0.82', runs='3',
        planned='3', scores='70.0 71.0 72.0')
    assert rows[1]['paper'] == rows[1]['mean'] == rows[1]['config'] == ''


def test_progress_of_both_loops():
    line = ('2026/01/01 00:00:00 - mmengine - INFO - {} base_lr: 1.0e-02 '
            'lr: 1.0e-03  eta: {}  time: 0.1  data_time: 0.0  loss: 3.9887 '
            ' sup_decode.loss_ce: 3.0')
    assert trainings.format_progress(
        line.format('Epoch(train)  [12][  50/1157]', '1 day, 2:03:04')
    ) == 'epoch 12, iteration 50/1157, 1 day, 2:03:04 to go, loss 3.9887'
    assert trainings.format_progress(
        line.format('Iter(train) [ 100/1600]', '0:01:02')
    ) == 'iteration 100/1600, 0:01:02 to go, loss 3.9887'
    assert trainings.format_progress('Iter(val) [ 1/2] eta: 0 loss: 1') is (
        None)


def test_score_of_an_older_epoch_is_no_result(setup):
    """As if killed between the last checkpoint and its evaluation."""
    run = Run(DCC, 0, 0, 2)
    evaluate(run, setup, 75, 70.)
    work_dir = paper_runs.work_dir_of(run, setup)
    (work_dir / 'last_checkpoint').write_text(f'{work_dir}/epoch_80.pth')
    training = trainings.Training('name', ['true'], work_dir, ['name'])
    with pytest.raises(SystemExit, match='evaluation was interrupted'):
        trainings.run_all([training], 1)
    evaluate(run, setup, 80, 72.)
    trainings.run_all([training], 1)
    assert training.result()['mIoU'] == 72.


def test_failure_ends_every_process_of_the_others(tmp_path):
    """Including those that the shell of a training has started."""
    pid = tmp_path / 'pid'
    long = trainings.Training(
        'long', ['bash', '-c', f'sleep 100 & echo $! > {pid}; wait'],
        tmp_path / 'long', ['long'])
    bad = trainings.Training(
        'bad', ['bash', '-c', f'until [ -s {pid} ]; do sleep 0.1; done; '
                'echo the cause; exit 3'], tmp_path / 'bad', ['bad'])
    with pytest.raises(SystemExit, match='(?s)bad failed.*the cause'):
        trainings.run_all([long, bad], 2)
    # A busy machine needs a moment to end it, and nobody may wait for it.
    number, end = int(pid.read_text()), time.monotonic() + 30
    while is_running(number) and time.monotonic() < end:
        time.sleep(0.1)
    assert not is_running(number)


def is_running(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_dry_run_leaves_out_what_is_done(setup, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    arguments = [
        '--table', '1', '4', '--cell', 'pspnet-r50-1/8-ours',
        'negatives-19.2k', '--work-dir', str(setup.folder.parent), '--dry-run'
    ]
    finish(Run(DCC, 1, 1, 2), setup, 71.25)
    reproduce.main(arguments)
    out = capsys.readouterr().out
    lines = out.split('\n')
    assert [bool(re.match('bash tools/dist_train.sh ', line))
            for line in lines] == [False, True, False, False, True, False]
    assert lines[0] == (f'# {DCC}, seed 0, list 0 (Table 1 '
                        'pspnet-r50-1/8-ours, Table 4 negatives-19.2k)')
    assert lines[2].endswith('done, mIoU 71.2')
    assert not list(setup.folder.glob('*.md'))
    subprocess.run(['bash', '-n'], input=out, text=True, check=True)


def test_collect_names_what_is_missing(setup, capsys):
    finish(Run(SUPERVISED, 0, 0, 2), setup, 64.)
    finish(Run(DCC, 0, 0, 2), setup, 72.)
    arguments = ['--collect', '--work-dir', str(setup.folder.parent)]
    reproduce.main([*arguments, '--table', '3', '--cell', 'suponly', 'exp'])
    out = capsys.readouterr().out
    assert '| SupOnly |  |  |  |  |  |  | 64.0 (1) [64.7] |' in out
    assert (setup.folder / 'table_3.csv').exists()
    missing = out[out.index('Missing'):]
    assert missing.startswith('Missing: 7 of 9 cells\n')
    assert 'exp-VIII' not in missing
    command = re.search(r'exp-VII, seed 0:\n\s+(.*)', missing)[1]
    arguments = shlex.split(command)
    assert Path(arguments[1]).name == 'reproduce.py'
    parsed = reproduce.parse_args(arguments[2:])
    assert (parsed.table, parsed.cell) == ([3], ['exp-VII'])
    assert parsed.work_dir == str(setup.folder.parent)


def test_another_method_is_collected_beside_the_paper_s_value(setup, capsys):
    finish(Run('cct/pspnet_r50_voc_1-8.py', 1, 1, 2), setup, 69.)
    finish(Run('cct/pspnet_r50_voc_1464_weak.py', 0, 0, 2), setup, 74.)
    reproduce.main([
        '--collect', '--work-dir', str(setup.folder.parent), '--table', '1',
        '5', '--cell', 'pspnet-r50-1/8-cct'
    ])
    out = capsys.readouterr().out
    assert ('| CCT | PSPNet | ResNet50 | [62.2] | 69.0 (1 of 3) [68.8] | '
            '[71.2] | [75.3] |') in out
    assert '| CCT‡ | ResNet-50 | [72.8] | 74.0 (1 of 3) [74.6] |' in out
    assert 'Missing: 1 of 1 cells\n  pspnet-r50-1/8-cct, seed 0, 2:' in out


def test_best_evaluation_stands_beside_the_last(setup, capsys):
    run = Run(DCC, 0, 0, 2)
    evaluate(run, setup, 75, 73.5)
    evaluate(run, setup, 80, 72.)
    finish(Run(SUPERVISED, 0, 0, 2), setup, 64.)  # its log is gone
    arguments = [
        '--collect', '--work-dir', str(setup.folder.parent), '--table', '3',
        '--cell', 'exp-VIII'
    ]
    reproduce.main(arguments)
    plain = capsys.readouterr().out
    assert '72.0 (1) [72.4] |\n' in plain and '73.5' not in plain
    reproduce.main([*arguments, '--best'])
    out = capsys.readouterr().out
    assert '| PF | mIoU | mIoU, best |' in out
    assert '| ✓ | 72.0 (1) [72.4] | 73.5 |\n' in out
    assert '|  | 64.0 (1) [64.7] |  |\n' in out
    assert 'best: mean of the highest evaluation of each run' in out
    rows = list(csv.DictReader(
        (setup.folder / 'table_3.csv').read_text().splitlines()))
    assert (rows[-1]['scores'], rows[-1]['best']) == ('72.0', '73.5')


def test_options_for_the_commands_of_missing_cells():
    given = [
        '--preset', 'demo', '--seeds', '0', '2', '--gpus', '1', '--equal-cost',
        '--controls', '--best'
    ]
    words = reproduce.given_options(reproduce.parse_args(given))
    assert list(map(str, words)) == given


@pytest.mark.slow
def test_train_and_collect(run, tmp_path):
    command = [
        sys.executable, ROOT / 'tools/paper/reproduce.py', '--preset', 'demo',
        '--table', 1, '--cell', 'suponly', '--seeds', 0, '--iterations', 51,
        '--work-dir', tmp_path
    ]
    out = run(*command)
    score = re.search(r'\| SupOnly \| 1600 \| ([\d.]+) \(1\) \|', out)[1]
    result, = tmp_path.glob('demo/*/*/seed_0/result.json')
    assert json.loads(result.read_text())['core_minutes'] > 0
    assert '1 trainings, 0 of them are done' in out
    assert 'iteration 51/51' in out and 'Missing: 0 of 1 cells' in out
    assert f'| {score} (1) |' in (tmp_path / 'demo/table_1.md').read_text()
    again = run(*command)
    assert '1 of them are done' in again and 'started' not in again
    assert f'| SupOnly | 1600 | {score} (1) |' in again
