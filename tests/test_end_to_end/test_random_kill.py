"""Tests that a training killed at any moment resumes to the same bits.

Runs on request: ``RANDOM_KILLS=10 pytest -s`` kills ten trainings, of all
kinds in turn, and prints a table. ``RANDOM_KILL_SEED`` repeats the moments of
an earlier run, which has printed its seed. A kill at a fixed moment is in
``test_tools.py``.
"""
import functools
import itertools
import os
import random
import re
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from ..conftest import ROOT, reads_trainings_safely
from ..own_config import exchange_network, write_own_config
from .test_own_data import OPTIONS
from .test_tools import CONFIG, SMALL, assert_same_training, free_port

pytestmark = pytest.mark.slow

KINDS = tuple(itertools.product((1, 2), ('iterations', 'epochs')))
KILLS = int(os.environ.get('RANDOM_KILLS', 0))
SEED = int(os.environ.get('RANDOM_KILL_SEED', time.time_ns()))
STEP = r'\(train\)\s+(\[.*\d+/\d+\])'
SCORES = r'aAcc: .*mAcc: [\d.]+'


def last_checkpoint(folder):
    with suppress(FileNotFoundError):
        return Path((folder / 'last_checkpoint').read_text())


@pytest.fixture(scope='module')
def train(start, tmp_path_factory):
    """Function that starts a training of 12 or 20 iterations."""
    own = exchange_network(
        write_own_config(
            tmp_path_factory.mktemp('configs'),
            method='dcc',
            image_size=(96, 96),
            crop_size=(64, 64),
            max_iters=12,
            batch_size=4),
        'deeplabv3plus_small')
    loops = dict(
        iterations=(
            own,
            '--cfg-options',
            *OPTIONS,
            'train_cfg.val_interval=12',
            'default_hooks.checkpoint.interval=3',
            # new workers on the way, too
            'train_dataloader.batch_sampler.epoch_length=9'),
        epochs=(CONFIG, '--cfg-options', *SMALL))

    def start_training(kind, folder, *resume):
        processes, loop = kind
        config, *options = loops[loop]
        tool = ((sys.executable, ROOT / 'tools/train.py', config)
                if processes == 1 else
                ('bash', ROOT / 'tools/dist_train.sh', config, processes))
        return start(
            *tool,
            '--work-dir',
            folder,
            *resume,
            *options,
            'train_dataloader.num_workers=2',
            PORT=str(free_port()))

    return start_training


@pytest.fixture(scope='module')
def left_alone(train, tmp_path_factory):
    """Function that returns folder, scores, and (time, name) of each step."""

    @functools.lru_cache(maxsize=None)
    def run(kind):
        folder = tmp_path_factory.mktemp('whole')
        training, steps = train(kind, folder), []
        while True:
            training.read_until(f'{STEP}|{SCORES}')
            step = re.search(STEP, training.lines[-1])
            if not step:
                break
            steps.append((time.time(), step[1]))
        out = training.read_to_end()
        return folder, re.findall(SCORES, out), steps

    return run


@reads_trainings_safely
@pytest.mark.skipif(
    not KILLS, reason='RANDOM_KILLS: the number of trainings to kill')
@pytest.mark.parametrize('number', range(KILLS or 1))
def test_random_kill_and_resume(number, train, left_alone, tmp_path):
    kind = KINDS[number % len(KINDS)]
    whole, scores, steps = left_alone(kind)

    # a kill of its own for each number, whichever of them are run
    moment = random.Random(f'{SEED}, {number}')
    last = moment.randrange(len(steps) - 1)
    (begin, name), (end, _) = steps[last:last + 2]
    delay = moment.uniform(0, end - begin)
    print(f'RANDOM_KILL_SEED={SEED}, kill {number}: '
          f'{delay:.2f} s after {name}')
    killed = train(kind, tmp_path)
    killed.read_until(re.escape(name))
    time.sleep(delay)
    killed.kill()
    killed.read_to_end()
    kept = last_checkpoint(tmp_path)

    resumed = train(kind, tmp_path, '--resume')
    out = resumed.read_to_end(300)
    assert_same_training(last_checkpoint(whole), last_checkpoint(tmp_path))
    assert re.findall(SCORES, out) == scores
    print(f'| {kind[1]}, {kind[0]} process(es) | {delay:.2f} s after {name} '
          f'| {kept and kept.name} | yes, {scores[0]} |')
