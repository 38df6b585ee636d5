"""Tests of ``mmseg_dcc/engine/hooks/mean_teacher_hook.py`` by a Runner."""
import math
from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import EMAHook, Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner
from torch import nn

from mmseg_dcc.engine.hooks import MeanTeacherHook
from tests.conftest import reads_trainings_safely

MOMENTUM = 0.1


class Term(nn.Module):
    """Term with a weight and a bank, which it fills in training."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))
        self.register_buffer('bank', torch.zeros(2))

    def forward(self, student, teacher):
        self.bank.add_(student.detach().mean(0))
        return (student * self.weight - teacher - self.bank).square().mean()


class Student(BaseModel):
    """Model that learns from its teacher, or from itself without one."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
        self.terms = nn.ModuleDict(dict(a=Term()))
        self.last = nn.Linear(2, 2)
        self._teacher = ()
        self.validated = []

    def set_teacher(self, teacher):
        teacher.net.eval()
        self._teacher = (teacher, )

    def features(self, inputs):
        return self.last(self.net(torch.stack(inputs)))

    def forward(self, inputs, mode='loss'):
        if mode == 'predict':
            self.validated.append(copied(self))
            return [{}] * len(inputs)
        teacher, = self._teacher or (self, )
        with torch.no_grad():
            target = teacher.features(inputs)
        return dict(loss=self.terms['a'](self.features(inputs), target))


def copied(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


class Points(BaseDataset):
    """Data set in which the sample ``broken`` holds NaN."""

    def __init__(self, broken=None):
        self.broken = broken
        super().__init__()

    def load_data_list(self):
        generator = torch.Generator().manual_seed(0)
        return [
            dict(point=torch.randn(3, generator=generator)) for _ in range(12)
        ]

    def prepare_data(self, idx):
        point = self.get_data_info(idx)['point']
        return dict(inputs=point * math.nan if idx == self.broken else point)


class NoMetric(BaseMetric):

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        return {}


class Students(Hook):
    """Records the state of the student after each iteration."""

    priority = 'VERY_LOW'

    def __init__(self):
        self.states = []

    def after_train_iter(self, runner, *args, **kwargs):
        self.states.append(copied(runner.model))


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Function that trains by a Runner and returns it."""
    monkeypatch.setattr('mmengine.runner.runner.collect_env', dict)
    count = 0

    def run(*hooks, folder='work', max_iters=6, broken=None, **kwargs):
        nonlocal count
        count += 1
        data = dict(
            batch_size=2,
            num_workers=0,
            dataset=Points(broken),
            sampler=dict(type='DefaultSampler', shuffle=False))
        runner = Runner(
            Student(),
            work_dir=str(tmp_path / folder),
            experiment_name=f'{tmp_path.name}_{count}',
            train_dataloader=data,
            train_cfg=dict(by_epoch=False, max_iters=max_iters,
                           val_interval=3),
            val_dataloader=dict(data, dataset=Points()),
            val_cfg=dict(),
            val_evaluator=Evaluator([NoMetric()]),
            optim_wrapper=dict(
                optimizer=dict(type='SGD', lr=0.1, momentum=0.9)),
            custom_hooks=list(hooks),
            default_hooks=dict(
                checkpoint=dict(
                    type='CheckpointHook', interval=1, by_epoch=False)),
            default_scope='mmseg',
            log_level='ERROR',
            **kwargs)
        runner.train()
        return runner

    return run


def teacher_hook(**kwargs):
    return dict(type='MeanTeacherHook', momentum=MOMENTUM, **kwargs)


def teacher_of(runner):
    teacher, = runner.model._teacher
    return teacher


def stock(state):
    """Entries that are not of a term, nor counters without effect."""
    return {
        name: value
        for name, value in state.items()
        if not name.startswith('terms.') and 'num_batches' not in name
    }


def same(state, other):
    assert state.keys() == other.keys()
    return all(torch.equal(value, other[name])
               for name, value in state.items())


@pytest.mark.parametrize('kwargs, momentum', [
    ({}, lambda step: MOMENTUM),
    # UniMatch V2: min(1 - 1 / (step + 1), 0.9) of the old average
    (dict(ema_type='MomentumAnnealingEMA', gamma=1),
     lambda step: max(MOMENTUM, 1 / (step + 1))),
])
def test_teacher_is_the_average_of_the_students(train, kwargs, momentum):
    students = Students()
    runner = train(students, teacher_hook(**kwargs))
    expected = stock(students.states[0])
    assert 'net.1.running_var' in expected and 'last.bias' in expected
    for step, state in enumerate(students.states[1:], 1):
        share = momentum(step)
        expected = {
            name: (1 - share) * value + share * state[name]
            for name, value in expected.items()
        }
    actual = stock(teacher_of(runner).state_dict())
    assert actual.keys() == expected.keys()
    for name, value in actual.items():
        torch.testing.assert_close(value, expected[name], msg=name)
    assert not same(actual, stock(students.states[-1]))


def test_terms_are_shared_trained_and_not_copied(train):
    students = Students()
    runner = train(teacher_hook(), students)
    model, teacher = runner.model, teacher_of(runner)
    assert teacher.terms is model.terms and len(model.terms) == 1
    # in the order of the class: EMAHook pairs the weights by their order
    assert list(dict(model.named_children())) == list(
        dict(teacher.named_children()))
    banks = [state['terms.a.bank'] for state in students.states]
    weights = [state['terms.a.weight'] for state in students.states]
    for values in (banks, weights):
        assert len({tuple(value.tolist()) for value in values}) == 6
    hook, = (h for h in runner.hooks if isinstance(h, MeanTeacherHook))
    assert not [n for n in hook.ema_model.avg_parameters if 'terms' in n]
    assert all(p.requires_grad for p in model.parameters())
    assert not any(p.requires_grad for name, p in teacher.named_parameters()
                   if not name.startswith('terms.'))


def test_validates_the_teacher_and_goes_on_with_the_student(train):
    students = Students()
    runner = train(teacher_hook(), students)
    validated = runner.model.validated
    assert len(validated) == 2 * 6  # batches
    assert same(validated[-1], teacher_of(runner).state_dict())
    assert same(students.states[-1], copied(runner.model))
    # the terms are those of the student's last iteration
    for state, student in ((validated[0], 2), (validated[-1], 5)):
        for name, value in state.items():
            if name.startswith('terms.'):
                assert torch.equal(value, students.states[student][name])


@reads_trainings_safely
def test_checkpoint_holds_the_teacher_and_resumes(train, tmp_path):
    whole = train(teacher_hook())
    checkpoint = torch.load(tmp_path / 'work/iter_6.pth', weights_only=True)
    assert same(checkpoint['state_dict'], teacher_of(whole).state_dict())
    assert 'terms.a.bank' in checkpoint['state_dict']
    student = {
        name[len('module.'):]: value
        for name, value in checkpoint['ema_state_dict'].items()
        if name != 'steps'
    }
    assert same(student, copied(whole.model))

    resumed = train(
        teacher_hook(),
        folder='resumed',
        resume=True,
        load_from=str(tmp_path / 'work/iter_2.pth'))
    assert resumed.iter == 6
    assert same(copied(resumed.model), copied(whole.model))
    assert same(
        teacher_of(resumed).state_dict(),
        teacher_of(whole).state_dict())
    assert teacher_of(resumed).terms is resumed.model.terms


@reads_trainings_safely
def test_load_from_starts_both_with_the_weights(train, tmp_path):
    train(teacher_hook())
    path = tmp_path / 'work/iter_6.pth'
    weights = torch.load(path, weights_only=True)['state_dict']
    runner = train(
        teacher_hook(), folder='fine', load_from=str(path), max_iters=0)
    assert same(copied(runner.model), weights)
    assert same(teacher_of(runner).state_dict(), weights)


@pytest.mark.parametrize('average', [
    teacher_hook(),
    dict(type='EMAHook', momentum=MOMENTUM, update_buffers=True),
])
def test_statistics_of_a_batch_left_out_reach_no_average(train, average):
    skip = dict(type='NonFiniteHook', max_skips=1)
    averages = []
    for hooks in ([skip, average], [average, skip]):
        runner = train(*hooks, broken=5)
        for hook in runner.hooks:
            if isinstance(hook, EMAHook):
                averages.append(hook.ema_model.state_dict())
            assert getattr(hook, 'skips', 1) == 1
    assert all(value.isfinite().all() for value in averages[0].values())
    assert same(*averages)


def test_other_models_are_refused():
    hook = MeanTeacherHook()
    runner = SimpleNamespace(model=nn.Linear(1, 1), max_iters=1)
    hook.before_run(runner)
    with pytest.raises(TypeError, match='SemiEncoderDecoder.*Linear.*EMAHook'):
        hook.before_train(runner)
