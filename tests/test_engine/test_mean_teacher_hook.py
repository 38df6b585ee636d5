"""Tests of ``mmseg_dcc/engine/hooks/mean_teacher_hook.py``, by a Runner."""
from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import Hook

from mmseg_dcc.engine.hooks import MeanTeacherHook
from tests.conftest import ROOT
from tests.tiny_training import train

CONFIG = ROOT / 'configs/beyond/deeplabv3plus_small_demo_teacher.py'
MOMENTUM = 0.01  # of the config


class Weights(Hook):
    """Keeps the state of the student after each iteration."""

    priority = 'VERY_LOW'

    def __init__(self):
        self.states = []

    def after_train_iter(self, runner, *args, **kwargs):
        self.states.append({
            name: value.clone()
            for name, value in runner.model.state_dict().items()
        })


@pytest.fixture
def folder(in_data_dir, tmp_path):
    """The data sets are in the working directory."""
    return tmp_path


def test_teacher_is_the_average_of_the_students(folder):
    students = Weights()
    runner, steps = train(folder, hooks=[students], config=CONFIG)
    teacher, = runner.model._teacher
    # no teacher in the warm-up, and one that labels all pixels or fewer after
    assert ['unsup_loss_pseudo' in step for step in steps] == [
        False, True, True, True
    ]
    first, *later = students.states
    assert set(first) == set(runner.model.state_dict())
    for name, value in teacher.state_dict().items():
        if 'num_batches_tracked' in name:  # a count, without effect
            continue
        expected = first[name]
        for state in later:
            expected = state[name] if 'memory_bank' in name else (
                (1 - MOMENTUM) * expected + MOMENTUM * state[name])
        torch.testing.assert_close(value, expected, msg=name)
    assert not teacher.training


def test_checkpoint_holds_the_teacher_and_resumes(folder):
    saving = {
        'default_hooks.checkpoint':
        dict(type='CheckpointHook', by_epoch=False, interval=2),
        'train_dataloader.num_workers': 1,
    }
    whole, _ = train(folder / 'whole', saving, config=CONFIG)
    teacher, = whole.model._teacher
    checkpoint = torch.load(
        folder / 'whole/iter_4.pth', weights_only=True)['state_dict']
    assert not same(checkpoint, whole.model.state_dict())
    assert same(checkpoint, teacher.state_dict())

    resumed, _ = train(
        folder / 'resumed', {
            **saving, 'resume': True,
            'load_from': str(folder / 'whole/iter_2.pth')
        },
        config=CONFIG)
    assert same(resumed.model.state_dict(), whole.model.state_dict())
    assert same(resumed.model._teacher[0].state_dict(), teacher.state_dict())


def same(state, other):
    assert state.keys() == other.keys()
    return all(torch.equal(value, other[name])
               for name, value in state.items())


def test_other_models_are_refused():
    hook = MeanTeacherHook()
    runner = SimpleNamespace(model=torch.nn.Linear(1, 1), max_iters=1)
    hook.before_run(runner)
    with pytest.raises(TypeError, match='MeanTeacherDCCSegmentor.*EMAHook'):
        hook.before_train(runner)
