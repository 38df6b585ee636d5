"""Tests of ``mmseg_dcc/engine/hooks/non_finite_hook.py``."""
import copy
import math
from types import SimpleNamespace

import pytest
import torch
import torch.distributed as dist
from mmengine.model import BaseModel, MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmseg.structures import SegDataSample
from torch import nn

from mmseg_dcc.engine import NonFiniteHook
from tests import tiny_models
from tests.processes import run_processes


class Normed(BaseModel):
    """Batch norm and a layer; the loss grows with the inputs."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.norm = nn.BatchNorm1d(2)
        self.layer = nn.Linear(2, 1)

    def forward(self, inputs, data_samples=None, mode='loss'):
        loss = self.layer(self.norm(torch.stack(inputs))).mean()
        return dict(loss_a=loss, loss_b=self.layer.weight.sum())


def batch(value, rank=0):
    sample = SegDataSample(metainfo=dict(img_path=f'{rank}/{value}.jpg'))
    return dict(
        inputs=[torch.tensor([1., value]),
                torch.tensor([value, 2.])],
        data_samples=[sample, SegDataSample()])


def train(model, batches, hook, optim=None, wrapper_class=OptimWrapper,
          **kwargs):
    """Runs iterations like mmengine's loops."""
    optim = optim or torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    runner = SimpleNamespace(
        model=model.train(),
        optim_wrapper=wrapper_class(optim, **kwargs),
        iter=0,
        epoch=0)
    runner.optim_wrapper.initialize_count_status(model, 0, len(batches))
    hook.before_train(runner)
    for runner.iter, data in enumerate(batches):
        hook.before_train_iter(runner, runner.iter, data)
        outputs = model.train_step(data, runner.optim_wrapper)
        hook.after_train_iter(runner, runner.iter, data, outputs)
    return runner


def states(model, optimizer):
    return copy.deepcopy((model.state_dict(), optimizer.state_dict()['state']))


def same(first, second):
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(
            same(first[key], second[key]) for key in first)
    if isinstance(first, (list, tuple)):
        return all(map(same, first, second))
    return first == second


@pytest.mark.parametrize('value', [math.nan, math.inf])
def test_stops_before_the_update_and_names_the_images(value):
    fine, model = Normed(), Normed()
    train(fine, [batch(1.), batch(2.)], NonFiniteHook())
    with pytest.raises(FloatingPointError) as caught:
        train(model, [batch(1.), batch(2.), batch(value)], NonFiniteHook())
    for parameter, expected in zip(model.parameters(), fine.parameters()):
        assert torch.equal(parameter, expected)
    message = str(caught.value)
    for text in ('iteration 3 ', 'process 0: loss, loss_a; images:\n',
                 f'\n  0/{value}.jpg\n', '(path unknown)', 'load_from',
                 'optim_wrapper.clip_grad', 'max_skips'):
        assert text in message
    assert 'loss_b' not in message


@pytest.mark.parametrize('optimizer', [
    lambda params: torch.optim.SGD(
        params, lr=0.1, momentum=0.9, weight_decay=0.1),
    lambda params: torch.optim.AdamW(params, lr=0.1),
])
def test_left_out_update_leaves_no_trace(optimizer, warnings_logged):
    results = []
    for batches in ([1., math.nan, 2., math.inf], [1., 2.]):
        model = Normed()
        optim = optimizer(model.parameters())
        train(model, list(map(batch, batches)), NonFiniteHook(max_skips=2),
              optim)
        results.append(states(model, optim))
    assert same(*results)
    first, second = warnings_logged()
    assert 'iteration 2 ' in first and '1 of max_skips=2' in first
    assert '0/nan.jpg' in first and '0/inf.jpg' in second


def test_too_many():
    with pytest.raises(FloatingPointError, match='iteration 4 '):
        train(
            Normed(),
            [batch(1.), batch(math.nan), batch(1.), batch(math.nan)],
            NonFiniteHook(max_skips=1))


def test_changes_no_bit_of_a_sound_training():
    models = Normed(), Normed()
    batches = [batch(float(i)) for i in range(5)]
    train(models[0], batches, NonFiniteHook())
    train(models[1], batches, SimpleNamespace(
        before_train=lambda *_: None, before_train_iter=lambda *_: None,
        after_train_iter=lambda *_: None))
    assert same(models[0].state_dict(), models[1].state_dict())


@pytest.mark.parametrize('arrange, paths', [
    (lambda first, second: None, []),
    (lambda first, second: dict(sup=[first], unsup=[second]),
     ['a.jpg', 'b.jpg']),
    (lambda first, second: dict(sup=[first], unsup=None), ['a.jpg']),
    (lambda first, second: [[first, second], [second]],
     ['a.jpg', 'b.jpg', 'b.jpg']),
])
def test_samples_may_be_in_any_composition(arrange, paths, warnings_logged):
    samples = (
        SegDataSample(metainfo=dict(img_path=path))
        for path in ('a.jpg', 'b.jpg'))
    data = dict(batch(math.nan), data_samples=arrange(*samples))
    train(Normed(), [data], NonFiniteHook(max_skips=1))
    message, = warnings_logged()
    named = message.split('images:')[1].split('The update was')[0]
    assert named.split() == paths


def test_outputs_may_be_numbers():
    hook = NonFiniteHook()
    hook.after_train_iter(None, 0, {}, dict(loss=torch.tensor(1.), share=0.5))
    assert hook.skips == 0


def test_gradient_alone():

    class Root(Normed):

        def forward(self, *args, **kwargs):
            weight = self.layer.weight
            return dict(loss=(weight - weight.detach()).square().sum().sqrt())

    with pytest.raises(FloatingPointError, match='process 0: gradients only'):
        train(Root(), [batch(1.)], NonFiniteHook())


class Scores(BaseModel):
    """Cross-entropy whose score of the true class may be far too low.

    Its gradient is softmax minus one or zero, which is always finite.
    """

    def __init__(self):
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(3))

    def forward(self, inputs, data_samples=None, mode='loss'):
        scores = self.scores + torch.stack(inputs)
        truth = scores.new_zeros(len(scores), dtype=torch.long)
        return {
            'decode.loss_ce': nn.functional.cross_entropy(scores, truth),
            'share': scores.new_tensor(math.nan)  # of nothing: no fault
        }


def scores_batch(bad, rank=0):
    data = batch(1., rank)
    return dict(data, inputs=[torch.tensor([0., 3e38 * bad, -3e38 * bad])] * 2)


@pytest.mark.parametrize('wrapper', [
    lambda: OptimWrapper, lambda: scaled_wrapper()])
def test_infinite_loss_with_finite_gradients(wrapper):
    scores = Scores()
    loss = scores(scores_batch(True)['inputs'])['decode.loss_ce']
    loss.backward()
    assert loss.isinf() and scores.scores.grad.isfinite().all()
    fine, model = Scores(), Scores()
    train(fine, [scores_batch(False)], NonFiniteHook(),
          wrapper_class=wrapper())
    with pytest.raises(FloatingPointError) as caught:
        train(model, [scores_batch(False), scores_batch(True)],
              NonFiniteHook(), wrapper_class=wrapper())
    assert 'iteration 2 ' in str(caught.value)
    assert 'process 0: loss, decode.loss_ce' in str(caught.value)
    assert fine.scores.abs().sum() > 0
    assert torch.equal(model.scores, fine.scores)


def infinite_in_one_process(rank):
    model = MMDistributedDataParallel(Scores(), broadcast_buffers=False)
    bad = scores_batch(rank == 1, rank)
    hook = NonFiniteHook(max_skips=1)
    train(model, [scores_batch(False), bad], hook)
    try:
        train(model, [bad], NonFiniteHook())
    except FloatingPointError as error:
        return hook.skips, model.module.scores, str(error)
    finally:
        dist.barrier()


@pytest.mark.slow
def test_infinite_loss_of_one_process_stops_all(tmp_path):
    first, second = run_processes(infinite_in_one_process, tmp_path)
    assert same(first, second) and first[0] == 1
    assert 'process 1: loss, decode.loss_ce' in first[2]
    assert '1/1.0.jpg' in first[2]


def test_accumulated_gradients_name_the_right_batch():
    with pytest.raises(FloatingPointError, match='iteration 3 '):
        train(
            Normed(), [batch(1.), batch(2.), batch(math.nan), batch(3.)],
            NonFiniteHook(),
            accumulative_counts=2)


class ScaledWrapper(OptimWrapper):
    """``AmpOptimWrapper`` with a gradient scaler on the CPU."""

    scaler = None

    def backward(self, loss, **kwargs):
        self.scaler.scale(loss).backward(**kwargs)
        self._inner_count += 1

    def step(self, **kwargs):
        self.scaler.step(self.optimizer)
        self.scaler.update()


def scaled_wrapper(scale=2.):
    ScaledWrapper.scaler = torch.amp.GradScaler('cpu', init_scale=scale)
    return ScaledWrapper


def test_skipped_step_with_an_odd_diagnostic_goes_on():
    model = Scores()
    # the gradients overflow, the loss does not
    train(model, [scores_batch(False)] * 2, NonFiniteHook(),
          wrapper_class=scaled_wrapper(math.inf))
    assert not model.scores.any()


@pytest.mark.parametrize('fused', [False, True])
def test_overflow_is_left_to_the_loss_scaler(fused, warnings_logged):
    model = Normed()
    optim = torch.optim.SGD(model.parameters(), lr=0.1, fused=fused)
    before = copy.deepcopy(list(model.parameters()))
    scaled_wrapper(2.**127)
    train(model, [batch(1e4)] * 2, NonFiniteHook(), optim, ScaledWrapper)
    assert same(list(model.parameters()), before)
    assert ScaledWrapper.scaler.get_scale() < 2.**127
    with pytest.raises(FloatingPointError, match='loss_a'):
        train(model, [batch(math.nan)], NonFiniteHook(), optim, ScaledWrapper)


def dcc_data():
    data = tiny_models.batch()
    for i, sample in enumerate(data['data_samples']):
        sample.set_metainfo(dict(img_path=f'{i}.jpg'))
    return data


class Poison(nn.Module):
    """Data preprocessor that spoils one pixel of the second batch."""

    def __init__(self, stock):
        super().__init__()
        self.stock, self.count = stock, 0

    def forward(self, *args, **kwargs):
        data = self.stock(*args, **kwargs)
        self.count += 1
        if self.count == 2:
            data['inputs']['unsup'][0, 0, :, 3, 3] = math.nan
        return data


@pytest.mark.parametrize('threshold', [0., 0.75])
def test_nan_reaches_neither_bank_nor_statistics(threshold, warnings_logged):
    """No position is active then, so the DC loss is 0."""
    torch.manual_seed(0)
    model = tiny_models.build(
        'DCCSegmentor',
        projector=dict(type='PixelProjector', out_channels=6),
        memory_bank=dict(negatives_per_crop=20),
        loss_dc=dict(confidence_threshold=threshold),
        **tiny_models.SINGLE)
    model.data_preprocessor = Poison(model.data_preprocessor)
    train(model, [dcc_data() for _ in range(3)], NonFiniteHook(max_skips=1))
    assert all(value.isfinite().all() for value in model.state_dict().values())
    assert model.terms['dc'].bank.position == 2
    message, = warnings_logged()
    assert 'unsup_mean_confidence' in message and '\n  3.jpg' in message


def train_in_process(rank):
    model = MMDistributedDataParallel(Normed(), broadcast_buffers=False)
    bad = math.nan if rank == 1 else 3.
    hook = NonFiniteHook(max_skips=1)
    train(model, [batch(1., rank), batch(bad, rank), batch(2., rank)], hook)
    skipped = [hook.skips, *model.module.parameters()]
    try:
        train(model, [batch(bad, rank)], NonFiniteHook())
    except FloatingPointError as error:
        return skipped, str(error)
    finally:
        dist.barrier()


@pytest.mark.slow
def test_processes_decide_alike(tmp_path):
    (first, message), (second, other) = run_processes(train_in_process,
                                                      tmp_path)
    assert same(first, second)
    assert first[0] == 1
    assert all(torch.isfinite(weights).all() for weights in first[1:])
    expected = Normed()
    train(expected, [batch(1.), batch(2.)], NonFiniteHook())
    for weights, single in zip(first[1:], expected.parameters()):
        assert torch.allclose(weights, single)
    assert message == other
    assert 'process 0: gradients only' in message
    assert 'process 1: loss, loss_a' in message
    assert '0/3.0.jpg' in message and '1/nan.jpg' in message
