"""Tests that the time of a job is measured and summed up."""
import json
import sys
import time

import pytest
import spent
from trainings import Job, run_all

# A child works, as a worker of a data loader does; nobody works in the sleep.
WORK = """
import subprocess, sys, time
spin = ("import time\\n"
        "while time.process_time() < 0.4: pass")
subprocess.run([sys.executable, "-S", "-c", spin])
time.sleep(0.3)
"""


def job(folder, code, name='job'):
    return Job(name, [sys.executable, '-S', '-c', code], folder / name, [name])


def kept(folder, name='job'):
    return json.loads((folder / name / 'spent.json').read_text())


def test_cpu_time_of_each_job_with_its_children(tmp_path):
    run_all([job(tmp_path, WORK, 'work'), job(tmp_path, 'pass', 'idle')], 2)
    work, idle = (kept(tmp_path, name) for name in ('work', 'idle'))
    assert 0.4 <= work['core_minutes'] * 60 < 0.9
    assert idle['core_minutes'] * 60 < 0.3
    assert work['minutes'] * 60 >= 0.7
    result = json.loads((tmp_path / 'work/result.json').read_text())
    assert result['core_minutes'] == round(work['core_minutes'], 2)


def test_an_interrupted_start_counts(tmp_path):
    """Its child is killed before its time was read."""
    begun = job(tmp_path, WORK + 'open("ready", "w"); time.sleep(60)')
    begun.command[-1] = begun.command[-1].replace(
        '"ready"', f'"{tmp_path}/ready"')
    begun.work_dir.mkdir()
    begun.start()
    while not (tmp_path / 'ready').exists():
        time.sleep(0.05)
    begun.terminate()
    first = kept(tmp_path)
    assert 0.35 <= first['core_minutes'] * 60 < 0.9
    run_all([job(tmp_path, 'import time; time.sleep(0.1)')], 1)
    total = kept(tmp_path)
    assert total['minutes'] * 60 >= first['minutes'] * 60 + 0.1
    assert first['core_minutes'] < total['core_minutes']
    assert (total['core_minutes'] - first['core_minutes']) * 60 < 0.3


def test_it_is_kept_while_a_job_runs(tmp_path, monkeypatch):
    """Little is lost if the tool is killed."""
    monkeypatch.setattr(spent, 'seconds_of_group', lambda group: 90.)
    meter = spent.Meter(tmp_path, 1)
    meter.note_now_and_then()
    assert not (tmp_path / 'spent.json').exists()
    meter.noted -= spent.INTERVAL
    meter.note_now_and_then()
    assert spent.Meter(tmp_path, 1).before['core_minutes'] == 1.5


def test_a_training_begun_by_hand_was_not_measured(tmp_path):
    (tmp_path / 'job').mkdir()
    (tmp_path / 'job/last_checkpoint').write_text('iter_10.pth')
    run_all([job(tmp_path, 'pass')], 1)
    assert kept(tmp_path)['core_minutes'] is None
    result = json.loads((tmp_path / 'job/result.json').read_text())
    assert result['core_minutes'] is None and result['minutes'] >= 0


def test_cpu_time_of_a_group():
    if not sys.platform.startswith('linux'):
        pytest.skip('no /proc')
    import os
    before = spent.seconds_of_group(os.getpgrp())
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    assert spent.seconds_of_group(os.getpgrp()) - before >= 0.08
    assert spent.seconds_of_group(2**30) == 0
