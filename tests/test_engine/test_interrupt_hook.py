"""Tests of ``InterruptHook``: trainings that real signals stop."""
import multiprocessing
import os
import re
import signal
import sys
import time
from functools import partial
from types import SimpleNamespace
from unittest import mock

import numpy as np
import psutil
import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmengine.runner import Runner
from torch import nn

import mmseg_dcc  # noqa: F401
from mmseg_dcc.engine import stop_request, unfinished_epoch
from mmseg_dcc.engine.hooks import interrupt_hook
from mmseg_dcc.engine.stop_request import StopRequest
from tests.processes import run_processes

pytestmark = pytest.mark.slow

FORK = multiprocessing.get_context('fork')
EPOCHS = dict(by_epoch=True, max_epochs=3)
ITERATIONS = dict(by_epoch=False, max_iters=9)


@pytest.fixture(autouse=True)
def usual_handlers():
    """Restores the handlers of an interactive shell; CI may ignore signals."""
    usual = {number: signal.SIG_DFL for number in stop_request.SIGNALS}
    usual[signal.SIGINT] = signal.default_int_handler
    before = {
        number: signal.signal(number, handler)
        for number, handler in usual.items()
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


class Draws(BaseDataset):
    """Data set that draws random numbers; three batches of two."""

    def load_data_list(self):
        return [{}] * 6

    def prepare_data(self, idx):
        return dict(inputs=torch.rand(3) + float(np.random.rand()))


class Noisy(BaseModel):
    """Model that draws random numbers, too, and sums them in a buffer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(3, 1)
        self.register_buffer('seen', torch.zeros(3))

    def forward(self, inputs, mode='loss'):
        images = torch.stack(inputs).float()
        self.seen.mul_(0.9).add_(images.mean(0))
        return dict(loss=self.layer(images).mean() * np.random.rand())


class SignalAt(Hook):
    """Sends this process a signal in one of its iterations."""

    def __init__(self, iteration, number, target=None):
        self.iteration, self.number = iteration, number
        self.send = target or (lambda number: os.kill(os.getpid(), number))

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter + 1 == self.iteration:
            self.send(self.number)


def train(folder, train_cfg, *hooks, name='0', workers=1, keep=-1, **options):
    checkpoint = dict(
        type='CheckpointHook', by_epoch=train_cfg['by_epoch'],
        interval=-1 if keep < 0 else 1, max_keep_ckpts=keep)
    with mock.patch('mmengine.runner.runner.collect_env', dict), mock.patch(
            'mmengine.runner.loops.time',
            SimpleNamespace(sleep=lambda seconds: None)):
        runner = Runner(
            Noisy(),
            work_dir=str(folder),
            experiment_name=f'{folder}_{name}_{time.time_ns()}',
            train_dataloader=dict(
                batch_size=2,
                num_workers=workers,
                dataset=Draws(),
                sampler=dict(type='DefaultSampler', shuffle=True)),
            train_cfg=dict(train_cfg),
            optim_wrapper=dict(
                optimizer=dict(type='SGD', lr=0.1, momentum=0.9)),
            param_scheduler=[
                dict(type='ExponentialLR', gamma=0.5,
                     by_epoch=train_cfg['by_epoch'])
            ],
            custom_hooks=[
                dict(type='ReproducibleRandomnessHook'),
                dict(type='InterruptHook'), *hooks
            ],
            default_hooks=options.pop(
                'default_hooks', dict(checkpoint=checkpoint)),
            randomness=dict(seed=3),
            default_scope='mmseg',
            log_level='WARNING',
            **options)
        try:
            runner.train()
        finally:
            # Its workers would wait for the garbage collector, 5 s each.
            vars(runner.train_loop).pop('dataloader_iterator', None)
    return runner


@pytest.fixture
def said(monkeypatch):
    """Logged lines; each runner has its own logger."""
    texts = []
    for module in (interrupt_hook, unfinished_epoch):
        monkeypatch.setattr(
            module, 'print_log', lambda text, **_: texts.append(text))
    return texts


def state(runner):
    optimizer = runner.optim_wrapper.state_dict()
    return (runner.model.state_dict(), optimizer['state'],
            [group['lr'] for group in optimizer['param_groups']])


def assert_same(first, second):
    torch.testing.assert_close(state(first), state(second), rtol=0, atol=0)


@pytest.mark.parametrize('train_cfg, at, name', [
    (ITERATIONS, 4, 'iter_4.pth'),
    (EPOCHS, 4, 'epoch_1_iter_4.pth'),
    # an epoch is ended by mmengine's loop alone
    (EPOCHS, 6, 'epoch_2_iter_7.pth'),
    (EPOCHS, 1, 'epoch_0_iter_1.pth'),
])
def test_goes_on_with_the_same_bits(train_cfg, at, name, tmp_path,
                                    said):
    whole = train(tmp_path / 'whole', train_cfg)
    with pytest.raises(SystemExit) as end:
        train(tmp_path / 'run', train_cfg, SignalAt(at, signal.SIGTERM))
    assert end.value.code == 128 + signal.SIGTERM
    pointer = (tmp_path / 'run/last_checkpoint').read_text()
    assert pointer == str(tmp_path / 'run' / name)
    message = said[-1]
    done = re.search(r'(\d+)\.pth', name)[1]
    assert f'SIGTERM after iteration {done} of 9' in message
    assert pointer in message and message.endswith('--resume')

    resumed = train(tmp_path / 'run', train_cfg, resume=True)
    assert resumed.iter == 9
    assert_same(whole, resumed)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_twice_in_one_epoch(tmp_path):
    whole = train(tmp_path / 'whole', EPOCHS)
    for at, resume in ((4, False), (5, True)):
        with pytest.raises(SystemExit):
            train(tmp_path / 'run', EPOCHS, SignalAt(at, signal.SIGHUP),
                  resume=resume)
    assert (tmp_path / 'run/epoch_1_iter_5.pth').exists()
    assert_same(whole, train(tmp_path / 'run', EPOCHS, resume=True))


def test_epochs_of_another_length_begin_again(tmp_path, said):
    with pytest.raises(SystemExit):
        train(tmp_path, EPOCHS, SignalAt(5, signal.SIGTERM))
    with mock.patch.object(Draws, 'load_data_list', lambda self: [{}] * 8):
        assert train(tmp_path, EPOCHS, resume=True).iter == 5 + 2 * 4
    assert 'after 2 of 3 batches of epoch 2. An epoch has 4 now' in (
        '\n'.join(said))


def test_counts_among_the_checkpoints(tmp_path):
    """No file is left over, however often a cluster stops the training."""
    for number, at in enumerate((2, 5, 7)):
        with pytest.raises(SystemExit):
            train(tmp_path, EPOCHS, SignalAt(at, signal.SIGUSR1), keep=2,
                  resume=number > 0)
    assert {path.name for path in tmp_path.glob('*.pth')
            } == {'epoch_2.pth', 'epoch_2_iter_7.pth'}
    train(tmp_path, EPOCHS, keep=2, resume=True)
    assert {path.name for path in tmp_path.glob('*.pth')
            } == {'epoch_2_iter_7.pth', 'epoch_3.pth'}


def test_last_step_is_no_interruption(tmp_path):
    """Its own checkpoint and validation follow."""
    runner = train(tmp_path, ITERATIONS, SignalAt(9, signal.SIGTERM))
    assert runner.iter == 9
    assert [path.name for path in tmp_path.glob('*.pth')] == ['iter_9.pth']


def test_validation_of_the_step_is_not_lost(tmp_path):
    validated = []

    with pytest.raises(SystemExit), mock.patch.object(
            interrupt_hook, '_is_validated_now',
            side_effect=lambda runner: (
                validated.append(runner.iter + 1), runner.iter + 1 == 4)[1]):
        train(tmp_path, ITERATIONS, SignalAt(4, signal.SIGTERM))
    assert validated == [4, 5]
    assert {path.name for path in tmp_path.glob('*.pth')
            } == {'iter_4.pth', 'iter_5.pth'}


@pytest.mark.parametrize('begin, interval, expected', [
    (1, 4, [4, 8]), (5, 4, [8]), (1, 3, [3, 6, 9])])
def test_when_a_validation_follows(begin, interval, expected):
    loop = mock.Mock(spec=interrupt_hook.IterBasedTrainLoop)
    loop.val_begin, loop.val_interval = begin, interval
    assert [
        done for done in range(1, 10) if interrupt_hook._is_validated_now(
            SimpleNamespace(val_loop=1, train_loop=loop, iter=done - 1))
    ] == expected


def test_without_checkpoints(tmp_path, said):
    with pytest.raises(SystemExit):
        train(tmp_path, ITERATIONS, SignalAt(4, signal.SIGTERM),
              default_hooks=dict(checkpoint=None))
    assert 'No checkpoint was written, since the config has no' in (
        said[-1])


def in_a_group(folder, train_cfg):
    """Training in a process group, as a terminal and a cluster see it."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    train(folder, train_cfg, workers=2, keep=1,
          default_hooks=dict(checkpoint=dict(
              type='CheckpointHook', by_epoch=train_cfg['by_epoch'],
              interval=1000)))


@pytest.mark.parametrize('number, train_cfg', [
    (signal.SIGINT, dict(by_epoch=False, max_iters=10**6)),
    (signal.SIGTERM, dict(by_epoch=True, max_epochs=10**6))],
    ids=['iterations', 'epochs'])
def test_signal_to_the_workers_too(number, train_cfg, tmp_path):
    """No worker dies before its parent stops it, then all do."""
    process = FORK.Process(target=in_a_group, args=(tmp_path, train_cfg))
    with mock.patch.object(Draws, 'load_data_list', lambda s: [{}] * 10**4):
        process.start()
    wait_for_steps(tmp_path)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2
    os.killpg(process.pid, number)
    process.join(60)
    assert process.exitcode == 128 + number
    assert len(list(tmp_path.glob('*iter_*.pth'))) == 1
    _, alive = psutil.wait_procs(family, timeout=15)
    assert not alive


def wait_for_steps(folder):
    """Waits until the log has a step."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for path in folder.glob('*/vis_data/scalars.json'):
            if '"loss"' in path.read_text():
                return
        time.sleep(0.05)
    raise AssertionError('no step within 60 s')


def stop_in(folder, rank):
    init_default_scope('mmseg')
    hooks = [SignalAt(4, signal.SIGTERM)] if rank == 1 else []
    os.environ['LOCAL_RANK'] = str(rank)
    try:
        train(folder, EPOCHS, *hooks, launcher='pytorch', name=str(rank),
              cfg=dict(
                  model_wrapper_cfg=dict(
                      type='MMDistributedDataParallel', device_ids=None,
                      broadcast_buffers=False)))
    except SystemExit as end:
        return dict(code=end.code, files=os.listdir(folder))
    return None


def test_two_processes_end_after_the_same_step(tmp_path):
    """Also if only one got the signal."""
    ranks = run_processes(partial(stop_in, tmp_path / 'run'), tmp_path)
    for rank in ranks:
        assert rank['code'] == 128 + signal.SIGTERM
        # none ends before the checkpoint is whole
        assert 'last_checkpoint' in rank['files']
    # three images a process: two steps in an epoch
    assert (tmp_path / 'run/last_checkpoint').read_text().endswith(
        'epoch_2_iter_5.pth')


def press(times, pause, env):
    """Presses Ctrl-C in a step that does not end."""
    os.environ.pop('TORCHELASTIC_RUN_ID', None)
    os.environ.update(env)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    request = StopRequest()
    request.listen()
    for _ in range(times):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(pause)
    os._exit(7)


@pytest.mark.parametrize('times, pause, env, code', [
    (1, 0, {}, 7),
    (2, 0, {}, -signal.SIGINT),
    # torch's launcher repeats it
    (2, 0, dict(TORCHELASTIC_RUN_ID='a'), 7),
    (2, 0.2, dict(TORCHELASTIC_RUN_ID='a'), -signal.SIGINT),
])
def test_second_press_ends_at_once(times, pause, env, code, monkeypatch):
    monkeypatch.setattr(stop_request, '_REPEAT_SECONDS', 0.1)
    process = FORK.Process(target=press, args=(times, pause, env))
    process.start()
    process.join(30)
    assert process.exitcode == code


def test_ignored_signals_stay_ignored(monkeypatch):
    """As for a training started with ``nohup``."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        request = StopRequest()
        request.listen()
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        request.restore()
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize('argv, command, expected', [
    (['tools/train.py', 'a b.py'], None,
     "python tools/train.py 'a b.py' --resume"),
    (['tools/train.py', 'a.py', '--resume', '--amp'], None,
     'python tools/train.py a.py --resume --amp'),
    (['/site/mmseg_dcc/.mim/tools/train.py', 'a.py'], None,
     'python -m mmseg_dcc train a.py --resume'),
    (['tools/train.py'], 'bash tools/dist_train.sh a\\ b.py 2',
     'bash tools/dist_train.sh a\\ b.py 2 --resume'),
])
def test_command_to_go_on(argv, command, expected, monkeypatch):
    monkeypatch.setattr(sys, 'argv', argv)
    monkeypatch.setattr('shutil.which', lambda _: sys.executable)
    monkeypatch.setattr(sys, 'executable', '/usr/bin/python')
    if command:
        monkeypatch.setenv(interrupt_hook.COMMAND, command)
    else:
        monkeypatch.delenv(interrupt_hook.COMMAND, raising=False)
    assert interrupt_hook.resume_command() == expected
