"""Tests of ``composite_optim_wrapper_constructor.py`` by a Runner."""
import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel
from mmengine.optim import DefaultOptimWrapperConstructor, build_optim_wrapper
from mmengine.runner import Runner
from torch import nn

from mmseg_dcc.engine import CompositeOptimizer, NonFiniteHook
from tests.conftest import reads_trainings_safely

SGD = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.01)
ADAM = dict(type='Adam', lr=0.01, betas=(0.9, 0.99))
PART = 'terms.adv.critic'


class Adversarial(BaseModel):
    """Network with a critic beside it."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.terms = nn.ModuleDict(
            dict(adv=nn.ModuleDict(dict(critic=nn.Linear(4, 1)))))
        self.terms['adv2'] = nn.Linear(4, 1)

    def forward(self, inputs, mode='loss'):
        features = self.net(torch.stack(inputs))
        critic = self.terms['adv']['critic']
        return dict(
            loss=self.terms['adv2'](features).square().mean() +
            features.std(),
            loss_critic=critic(features.detach()).sigmoid().mean())


def build(model, parts=(PART, ), **kwargs):
    return build_optim_wrapper(
        model,
        dict(
            type='OptimWrapper',
            constructor='CompositeOptimWrapperConstructor',
            optimizer=dict(SGD),
            parts={part: dict(ADAM)
                   for part in parts},
            **kwargs))


def names_in(group, model):
    return [
        name for name, parameter in model.named_parameters()
        if any(parameter is p for p in group['params'])
    ]


def test_parts_and_the_rest():
    model = Adversarial()
    wrapper = build(model)
    rest, critic = wrapper.param_groups[:2]
    assert isinstance(wrapper.optimizer, CompositeOptimizer)
    assert names_in(critic, model) == [f'{PART}.weight', f'{PART}.bias']
    assert critic['betas'] == (0.9, 0.99) and critic['lr'] == 0.01
    # a key ends at a dot: terms.adv2 begins with terms.adv
    assert names_in(rest, model) == [
        name for name, _ in model.named_parameters() if PART not in name
    ]
    assert (rest['lr'], rest['momentum'], rest['weight_decay']) == (0.1, 0.9,
                                                                   0.01)
    assert names_in(
        build(model, ['terms.adv']).param_groups[1], model) == [
            f'{PART}.weight', f'{PART}.bias'
        ]
    assert wrapper.get_lr() == dict(lr=[0.1, 0.01], base_lr=[0.1])


@pytest.mark.parametrize('paramwise_cfg', [
    None,
    dict(
        norm_decay_mult=0.,
        bias_lr_mult=2.,
        custom_keys={'adv2': dict(lr_mult=10., decay_mult=0.)}),
])
@pytest.mark.parametrize('frozen', [True, False])
def test_the_rest_is_as_mmengine_would_build_it(paramwise_cfg, frozen):
    model = Adversarial()
    model.net[0].bias.requires_grad_(not frozen)
    wrapper = build(model, paramwise_cfg=paramwise_cfg)
    rest = wrapper.optimizer.optimizers['rest'].param_groups
    del model.terms['adv']
    stock = build_optim_wrapper(
        model,
        dict(
            type='OptimWrapper',
            optimizer=dict(SGD),
            paramwise_cfg=paramwise_cfg)).param_groups
    if paramwise_cfg:
        assert stock.pop()['params'].numel() == 1  # not of the model
    assert len(rest) == len(stock) > 0
    for group, expected in zip(rest, stock):
        assert list(map(id, group.pop('params'))) == list(
            map(id, expected.pop('params')))
        assert group == expected


class Decayed(DefaultOptimWrapperConstructor):
    """One group per parameter, as in layer-wise decay."""

    def add_params(self, params, module, **kwargs):
        for i, parameter in enumerate(module.parameters()):
            params.append(dict(params=[parameter], lr=0.5**i))


def test_other_constructors_may_build_the_rest():
    model = Adversarial()
    wrapper = build(
        model, base_constructor=Decayed, paramwise_cfg=dict(num_layers=6))
    *rest, critic = wrapper.optimizer.param_groups
    names = dict(model.named_parameters())
    assert sum((names_in(group, model) for group in rest), []) == [
        name for name in names if PART not in name
    ]
    assert [group['lr'] for group in rest] == [
        0.5**i for i, name in enumerate(names) if PART not in name
    ]
    assert critic['lr'] == 0.01


def test_wrapped_models():
    model = Adversarial()
    wrapper = build(nn.DataParallel(model))
    assert names_in(wrapper.param_groups[1], model) == [
        f'{PART}.weight', f'{PART}.bias'
    ]


def test_all_parameters_may_be_in_parts():
    wrapper = build(Adversarial(), ['net', 'terms'])
    assert list(wrapper.optimizer.optimizers) == ['net', 'terms']


def test_states_that_exist_from_the_beginning():
    model = Adversarial()
    wrapper = build_optim_wrapper(
        model,
        dict(
            constructor='CompositeOptimWrapperConstructor',
            optimizer=dict(type='Adagrad'),
            parts={PART: ADAM}))
    rest = wrapper.optimizer.optimizers['rest']
    assert len(rest.state_dict()['state']) == len(rest.state) == 6


def test_wrong_keys_are_refused():
    model = Adversarial()
    with pytest.raises(ValueError, match="begins with 'terms.adv.critics'.*"
                       "names: 'terms.adv.critic'"):
        build(model, ['terms.adv.critics'])
    # the beginning of a name, but not of one between dots
    with pytest.raises(ValueError, match="'terms.ad'.*'terms.adv'"):
        build(model, ['terms.ad'])
    with pytest.raises(ValueError, match="'terms.adv.critic' lies below 'te"):
        build(model, ['terms.adv.critic', 'terms'])
    with pytest.raises(ValueError, match='needs optim_wrapper.parts'):
        build(model, [])


class Points(BaseDataset):

    def load_data_list(self):
        generator = torch.Generator().manual_seed(0)
        return [
            dict(point=torch.randn(3, generator=generator)) for _ in range(24)
        ]

    def prepare_data(self, idx):
        return dict(inputs=self.get_data_info(idx)['point'])


class TwoOptimizers:
    """Updates by two optimizers without classes of this package."""

    def __init__(self, model, accumulative_counts, max_norm):
        parts = [], []
        for name, parameter in model.named_parameters():
            parts[name.startswith(PART)].append(parameter)
        self.optimizers = (
            torch.optim.SGD(parts[0], 0.1, 0.9, weight_decay=0.01),
            torch.optim.Adam(parts[1], 0.01, betas=(0.9, 0.99)))
        self.parameters = parts[0] + parts[1]
        self.counts, self.max_norm = accumulative_counts, max_norm

    def step(self, losses, factor):
        for loss in losses:
            (loss / self.counts).backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.max_norm)
        for optimizer, lr in zip(self.optimizers, (0.1, 0.01)):
            optimizer.param_groups[0]['lr'] = factor * lr
            optimizer.step()
            optimizer.zero_grad()


@pytest.fixture
def train(tmp_path, monkeypatch):
    """Function that trains by a Runner and returns it."""
    monkeypatch.setattr('mmengine.runner.runner.collect_env', dict)
    count = 0

    def run(folder, max_iters=8, resume=False, hooks=(), **wrapper):
        nonlocal count
        count += 1
        runner = Runner(
            Adversarial(),
            work_dir=str(tmp_path / folder),
            experiment_name=f'{tmp_path.name}_{count}',
            train_dataloader=dict(
                batch_size=2,
                num_workers=0,
                dataset=Points(),
                sampler=dict(type='DefaultSampler', shuffle=False)),
            train_cfg=dict(by_epoch=False, max_iters=max_iters),
            optim_wrapper=dict(
                constructor='CompositeOptimWrapperConstructor',
                optimizer=SGD,
                parts={PART: ADAM},
                **wrapper),
            param_scheduler=[
                dict(type='LinearLR', start_factor=0.5, end=3,
                     by_epoch=False),
                dict(type='PolyLR', power=0.9, end=12, by_epoch=False)
            ],
            custom_hooks=list(hooks),
            default_hooks=dict(
                checkpoint=dict(
                    type='CheckpointHook', interval=1, by_epoch=False)),
            default_scope='mmseg',
            log_level='ERROR',
            resume=resume)
        runner.train()
        return runner

    return run


def factor(step):
    """Product of two schedules, which end one step before."""
    linear = 0.5 + 0.5 * min(step / 2, 1.)
    return linear * (1 - step / 11)**0.9


def test_runner_with_accumulation_clipping_and_schedules(train):
    runner = train(
        'work',
        hooks=[NonFiniteHook()],
        accumulative_counts=2,
        clip_grad=dict(max_norm=0.1))
    expected = Adversarial().train()
    points = [point['inputs'] for point in Points()]
    optimizers = TwoOptimizers(expected, accumulative_counts=2, max_norm=0.1)
    for step in range(4):
        losses = (
            sum(expected(points[first:first + 2]).values())
            for first in (4 * step, 4 * step + 2))
        # the schedules count iterations, of which every second one updates
        optimizers.step(losses, factor(2 * step + 1))
    for parameter, other in zip(runner.model.parameters(),
                                expected.parameters()):
        torch.testing.assert_close(parameter, other)


@reads_trainings_safely
def test_resumed_training_ends_with_the_same_bits(train):
    whole = train('whole')
    train('parts', max_iters=3)
    resumed = train('parts', resume=True)
    first, second = (
        torch.load(runner.work_dir + '/iter_8.pth', weights_only=True)
        for runner in (whole, resumed))
    assert whole.iter == resumed.iter == 8
    for name, value in first['state_dict'].items():
        assert torch.equal(value, second['state_dict'][name]), name
    states = [each['optimizer']['optimizers'] for each in (first, second)]
    assert states[0].keys() == {'rest', PART}
    for name, state in states[0].items():
        assert state['param_groups'] == states[1][name]['param_groups']
        for i, values in state['state'].items():
            for key, value in values.items():
                assert torch.equal(value, states[1][name]['state'][i][key])
