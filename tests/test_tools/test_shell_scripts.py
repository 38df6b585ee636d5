"""Tests of tools/*.sh and .ci/run in paths with spaces and quotes.

Commands that the scripts start are recorded instead of run.
"""
import os
import shutil
import subprocess
from collections import namedtuple

import pytest

from tests.conftest import ROOT

Call = namedtuple('Call', 'program folder words')

# Takes the place of python and srun; makes environments and lacks torch.
RECORDER = r"""#!/usr/bin/env bash
[ "$1 $2" = '-m venv' ] && mkdir -p "$3/bin" && cp "$0" "$3/bin/python"
{
    printf '%s\n' "$0" "$PWD" "$@"
    echo ----
    echo "${MMSEG_DCC_COMMAND:-}" >>"$CALLS.again"
    echo "${PYTHONDONTWRITEBYTECODE:-kept}" >>"$CALLS.bytecode"
} >>"$CALLS"
[ "${2:-}" != 'import torch' ]
"""


@pytest.fixture
def clone(tmp_path):
    folder = tmp_path / "a  path with spaces/and 'quotes'/clone"
    for name in ('.ci', 'tools', 'requirements'):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / 'setup.py', folder)
    return folder


@pytest.fixture
def record(clone, run, tmp_path):
    """Function that runs a script and returns the recorded command."""
    recorder = clone.parent / 'programs/srun'
    recorder.parent.mkdir()
    recorder.write_text(RECORDER)
    recorder.chmod(0o755)
    recorder.with_name('python3').symlink_to(recorder)
    path = clone.parent / 'calls'

    def run_script(script, *arguments, **variables):
        path.write_text('')
        run('bash',
            clone / script,
            *arguments,
            cwd=tmp_path,
            CALLS=str(path),
            PYTHON=str(recorder),
            PYTHON3=str(recorder),
            PATH=f'{recorder.parent}:{os.environ["PATH"]}',
            **{'VENV': '', **variables})
        calls = path.read_text().split('\n----\n')[:-1]
        return [
            Call(program, folder, words)
            for program, folder, *words in map(str.splitlines, calls)
        ]

    return run_script


@pytest.mark.parametrize('place', ['clone/.venv', 'another  place'])
def test_environment_then_tests(clone, record, place):
    venv = clone.parent / place
    options = ('-k', 'one or two')
    calls = record('tools/run_tests.sh', *options, VENV=str(venv))
    assert calls[0].words == ['-m', 'venv', str(venv)]
    assert {call.program for call in calls[1:]} == {f'{venv}/bin/python'}
    words = [call.words for call in calls]
    for name in ('tested', 'tests'):
        assert ['-m', 'pip', 'install', '--quiet', '--no-compile', '-r',
                f'{clone}/requirements/{name}.txt'] in words
    assert words[-4][-2:] == ['-e', str(clone)]
    assert words[-3][4:] == ['--no-deps', '--target', f'{venv}/mmpretrain',
                             '-r', 'requirements/mmpretrain.txt']
    assert words[-2] == ['-m', 'pre_commit', 'run', '--all-files']
    assert words[-1][:2] == ['-m', 'pytest']
    assert words[-1][-3:] == ['tests', *options]
    assert {call.folder for call in calls[-3:]} == {str(clone)}
    # all is there
    (venv / 'mmpretrain').mkdir()
    assert record('tools/run_tests.sh', *options, VENV=str(venv)) == calls[-2:]
    # what is needed has changed
    (clone / 'requirements/tests.txt').write_text('another')
    again = record('tools/run_tests.sh', *options, VENV=str(venv))
    assert ['-m', 'pip', 'install', '--quiet', '--no-compile', '-r',
            f'{clone}/requirements/tests.txt'] in [c.words for c in again]


@pytest.mark.parametrize('script', ['run_tests.sh', 'quickstart.sh'])
def test_compiled_modules_are_kept(clone, record, script):
    record(f'tools/{script}', PYTHONDONTWRITEBYTECODE='1')
    kept = clone.with_name('calls.bytecode').read_text()
    assert set(kept.split()) == {'kept'}


def test_ci_with_full_mmcv(clone, record):
    wheel = clone.parent / 'mmcv-2.whl'
    wheel.touch()
    install, *calls = record('.ci/run', MMCV_FULL_WHEEL=str(wheel))
    assert install.words[:5] == [
        '-m', 'pip', 'install', '--quiet', '--no-deps'
    ]
    assert install.words[-1] == str(wheel)
    assert calls[-1].words[:2] == ['-m', 'pytest']


def test_family_in_an_environment_of_its_own(clone, record):
    for command in ('init', 'add .', '-c user.name=a -c user.email=b commit '
                    '--message all'):
        subprocess.run(['git', *command.split()], cwd=clone, check=True,
                       stdout=subprocess.DEVNULL)
    calls = record('tools/check_family.sh', 'onedl', '-k', 'one or two')
    words = [call.words for call in calls]
    assert ['-m', 'pip', 'install', '--quiet', '.[onedl]'] in [
        command[:5] for command in words]
    assert words[-1][:2] == ['-m', 'pytest']
    assert words[-1][-2:] == ['-k', 'one or two']
    selected = [word.partition('::')[0] for word in words[-1]
                if word.startswith('tests/')]
    assert selected and all((ROOT / path).is_file() for path in selected)
    # neither the clone nor the disk keeps anything of it
    assert not {call.folder for call in calls[2:]} & {str(clone)}
    assert not os.path.exists(calls[-1].folder)


def test_quickstart(clone, record):
    options = ('--iterations', '60', '--name', 'two words')
    calls = record('tools/quickstart.sh', *options)
    assert {call.program for call in calls[1:]
            } == {f'{clone}/.venv/bin/python'}
    demo, compare = calls[-2:]
    assert demo.folder == compare.folder == str(clone)
    assert [clone.joinpath(call.words[0]).is_file()
            for call in (demo, compare)] == [True, True]
    assert compare.words[-4:] == [*options]


def test_quickstart_predicts_a_photo(clone, record, tmp_path):
    photo = tmp_path / 'my photo.jpg'
    photo.touch()
    words = record('tools/quickstart.sh')[-1].words
    folder = clone / words[words.index('--work-dir') + 1]
    trained = folder / 'segformer_lite0_demo_classmix/seed_0'
    trained.mkdir(parents=True)
    (trained / 'last_checkpoint').write_text('iter 9.pth')
    compare, predict = record(
        'tools/quickstart.sh', '--image', photo, '--jobs', '1')[-2:]
    assert compare.words == [*words, '--jobs', '1']
    assert clone.joinpath(predict.words[0]).is_file()
    assert predict.words[1:] == [
        'iter 9.pth', str(photo), '--out', 'work_dirs/quickstart/image'
    ]


@pytest.mark.parametrize('options', [['--image'], ['--image', 'no.jpg']])
def test_quickstart_needs_the_photo_before_it_trains(record, options):
    assert not record('tools/quickstart.sh', *options, returncode=1)


CONFIG = 'my configs/a  b.py'
OPTIONS = ['--cfg-options', 'key=two words']


def test_dist_train(clone, record):
    check, train = record('tools/dist_train.sh', CONFIG, 2, *OPTIONS)
    tool = f'{clone}/tools/train.py'
    assert check.words == [tool, CONFIG, '--check-data', *OPTIONS]
    assert '--nproc_per_node=2' in train.words
    assert train.words[-6:] == [
        tool, CONFIG, *OPTIONS, '--launcher', 'pytorch'
    ]


def test_dist_test(clone, record):
    test, = record('tools/dist_test.sh', CONFIG, 'my runs/last.pth', 2,
                   *OPTIONS)
    assert '--nproc_per_node=2' in test.words
    assert test.words[-7:] == [
        f'{clone}/tools/test.py', CONFIG, 'my runs/last.pth', *OPTIONS,
        '--launcher', 'pytorch'
    ]


def test_slurm_train(clone, record):
    srun, = record('tools/slurm_train.sh', 'gpus', 'my job', CONFIG, *OPTIONS,
                   GPUS='16', SRUN_ARGS='--time=60 --exclusive')
    assert srun.words[:4] == [
        '--partition=gpus', '--job-name=my job', '--ntasks=16',
        '--ntasks-per-node=8'
    ]
    assert {'--time=60', '--exclusive'} < set(srun.words)
    python = srun.words.index('-u') - 1
    assert srun.words[python:] == [
        srun.program, '-u', f'{clone}/tools/train.py', CONFIG, '--launcher',
        'slurm', *OPTIONS
    ]


@pytest.mark.parametrize('script, words', [
    ('dist_train.sh', (CONFIG, '2', *OPTIONS)),
    ('slurm_train.sh', ('gpus', 'my job', CONFIG, *OPTIONS))])
def test_command_that_goes_on(script, words, clone, record):
    """The command that InterruptHook prints starts the same training."""
    calls = record(f'tools/{script}', *words, GPUS='4')
    command = (clone.parent / 'calls.again').read_text().splitlines()[-1]
    line = clone.parent / 'line.sh'
    line.write_text(command)
    again = record('../line.sh')
    assert again == calls
    assert len(calls) == (2 if script == 'dist_train.sh' else 1)


def test_signal_reaches_the_launcher(clone, start):
    """The launcher replaces the script; otherwise only a shell would die."""
    program = clone.parent / 'shows_its_id'
    program.write_text('#!/bin/sh\necho "process $$"')
    program.chmod(0o755)
    script = start('bash', clone / 'tools/dist_train.sh', CONFIG, 2,
                   PYTHON=str(program))
    assert script.read_to_end().splitlines()[-1] == (
        f'process {script.process.pid}')
