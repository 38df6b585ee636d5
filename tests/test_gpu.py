"""Tests of what differs on a GPU: precision, memory, compiler, processes.

Skipped without one. What the others train by mmengine's runner uses it, too,
where there is one.
"""
import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import AmpOptimWrapper

from mmseg_dcc.models.losses import DirectionalContrastiveLoss

from . import tiny_training
from .conftest import ROOT
from .processes import run_processes
from .test_distributed import build_model, train_steps
from .tiny_models import batch, build_dcc, without_dropout

pytestmark = pytest.mark.skipif(
    not torch.cuda.is_available(), reason='needs a GPU that CUDA supports')

DEVICE = 'cuda'
FIXMATCH = ROOT / 'configs/demo/deeplabv3plus_small_demo_fixmatch.py'
MIB = 2**20


@pytest.fixture(autouse=True)
def full_precision(monkeypatch):
    """Convolutions in float32, as on the CPU, in place of TF32."""
    monkeypatch.setattr(torch.backends.cudnn, 'allow_tf32', False)


@pytest.fixture
def model():
    """Tiny DCC segmentor with the same weights in each test."""
    return without_dropout(build_dcc()).to(DEVICE)


@pytest.fixture
def data():
    torch.manual_seed(1)
    return batch()


def step_of(model, data, forward=None):
    """Losses and gradients of one step, whose draws are always the same."""
    torch.manual_seed(2)
    model.zero_grad()
    inputs = model.data_preprocessor(copy.deepcopy(data), training=True)
    losses = (forward or model)(**inputs, mode='loss')
    model.parse_losses(losses)[0].backward()
    return ({key: value.detach() for key, value in losses.items()},
            {name: parameter.grad.clone()
             for name, parameter in model.named_parameters()})


@pytest.mark.parametrize('dtype', ['float16', 'bfloat16'])
def test_step_in_mixed_precision(model, data, dtype):
    if dtype == 'bfloat16' and not torch.cuda.is_bf16_supported():
        pytest.skip('this GPU has no bfloat16')
    expected, _ = step_of(copy.deepcopy(model), data)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    # gradients of an untrained network need no larger scale
    wrapper = AmpOptimWrapper(
        loss_scale=dict(init_scale=64.),
        dtype=dtype,
        optimizer=torch.optim.SGD(model.parameters(), lr=0.01))
    torch.manual_seed(2)
    logs = model.train_step(copy.deepcopy(data), wrapper)
    # the step was not skipped, as after an overflow
    assert wrapper.loss_scaler.get_scale() == 64
    for name, parameter in model.named_parameters():
        assert parameter.dtype == torch.float32
        assert parameter.isfinite().all(), name
    assert any(not torch.equal(parameter, before[name])
               for name, parameter in model.named_parameters())
    for key in ('sup_decode.loss_ce', 'unsup_loss_dc'):
        assert logs[key].item() > 0
        assert logs[key].item() == pytest.approx(
            expected[key].item(), rel=0.05)
    # at least float32 inside of autocast
    assert logs['unsup_loss_dc'].dtype == torch.float32
    bank = model.terms['dc'].bank.features
    assert bank.device.type == DEVICE and bank.isfinite().all()


def draw_loss_arguments(positions, negatives, device):
    """Arguments of the loss; three eighths of the rows are active."""
    generator = torch.Generator().manual_seed(0)

    def features(count):
        return F.normalize(
            torch.randn(count, 128, generator=generator), dim=1).to(device)

    def labels(count):
        return torch.randint(21, (count, ), generator=generator).to(device)

    confidence = 1 - 0.5 * torch.rand(2, positions, generator=generator)
    of_pair = labels(positions)
    return (features(positions).requires_grad_(),
            features(positions).requires_grad_(), *confidence.to(device),
            of_pair, of_pair, features(negatives), labels(negatives))


def test_loss_is_that_of_the_cpu():
    """It has tiles of another size there."""
    found = []
    for device in ('cpu', DEVICE):
        arguments = draw_loss_arguments(300, 10000, device)
        loss = DirectionalContrastiveLoss()(*arguments)
        loss.backward()
        found.append([
            tensor.detach().cpu()
            for tensor in (loss, arguments[0].grad, arguments[1].grad)
        ])
    assert found[0][0] > 0 and found[0][1].any()
    torch.testing.assert_close(found[1], found[0], rtol=1e-4, atol=1e-6)


def peak_bytes(positions, negatives):
    """Peak memory of forward and backward, beside the arguments."""
    arguments = draw_loss_arguments(positions, negatives, DEVICE)
    # the libraries' own memory, and the gradients
    DirectionalContrastiveLoss()(*arguments).backward()
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    DirectionalContrastiveLoss()(*arguments).backward()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def test_memory_of_the_loss_with_76800_negatives():
    """Tiles are in memory, not the similarities of all pairs."""
    positions, negatives = 16000, 76800
    similarities = positions * 3 // 8 * negatives * 4
    assert similarities > 1600 * MIB
    peak = peak_bytes(positions, negatives)
    assert peak < 400 * MIB
    assert peak_bytes(positions, 2 * negatives) < 1.1 * peak


def test_compiled_segmentor(model, data):
    """By the default backend, twice: the second step reuses the code."""
    expected = step_of(copy.deepcopy(model), data)
    torch._dynamo.reset()
    forward = torch.compile(model.forward)
    try:
        for _ in range(2):
            model.terms['dc'].bank.reset()
            found = step_of(model, data, forward)
            assert found[0]['unsup_loss_dc'] > 0
            check_close(found, expected)
    finally:
        torch._dynamo.reset()


def check_close(found, expected):
    """Compares losses, and all gradients together by their norm.

    Other algorithms of a convolution round otherwise.
    """
    losses = [{key: value for key, value in step[0].items() if 'loss' in key}
              for step in (found, expected)]
    torch.testing.assert_close(*losses, rtol=1e-3, atol=1e-5)
    gradient, wanted = (
        torch.cat([grad.flatten() for grad in step[1].values()])
        for step in (found, expected))
    assert (gradient - wanted).norm() < 0.01 * wanted.norm()


def test_channels_last(model, data):
    expected = step_of(copy.deepcopy(model), data)
    model.to(memory_format=torch.channels_last)
    formats = []
    model.backbone.layer1.register_forward_hook(
        lambda module, inputs, output: formats.append(
            output.is_contiguous(memory_format=torch.channels_last)))
    check_close(step_of(model, data), expected)
    # labeled images and both views
    assert len(formats) >= 2 and all(formats)


def train_with_sync_bn(rank):
    # both processes on one card: `run_processes` has started gloo, since
    # NCCL takes one process a device
    torch.cuda.set_device(0)
    model = build_model(('dc', ), dict(type='SyncBN')).to(DEVICE)
    model = MMDistributedDataParallel(
        model,
        device_ids=[0],
        broadcast_buffers=False,
        find_unused_parameters=False)
    return train_part(model, rank, 2)


def train_part(model, rank, world_size):
    found = train_steps(model, rank, world_size)
    bare = getattr(model, 'module', model)
    return dict(
        losses=found['losses'],
        gradients={
            name: gradient.cpu()
            for name, gradient in found['gradients'].items()
        },
        statistics={
            name: value.cpu()
            for name, value in bare.named_buffers() if 'running_' in name
        })


def test_sync_bn_of_two_processes_on_one_card(tmp_path):
    """They have the statistics and gradients of one process with BN."""
    single = train_part(
        build_model(('dc', ), dict(type='BN')).to(DEVICE), 0, 1)
    ranks = run_processes(train_with_sync_bn, tmp_path)
    assert single['losses']['unsup_loss_dc'] > 0
    assert single['statistics']
    for rank in ranks:
        for kind in ('statistics', 'gradients'):
            assert rank[kind].keys() == single[kind].keys()
            for name, value in single[kind].items():
                error = (rank[kind][name] - value).norm()
                assert error <= 1e-4 * value.norm() + 1e-6, name


class Weights(Hook):
    """Records the weights of the student after each step."""

    priority = 'VERY_LOW'

    def __init__(self):
        self.steps = []

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        self.steps.append({
            name: parameter.detach().cpu().clone()
            for name, parameter in runner.model.named_parameters()
            if not name.startswith('terms.')
        })


def test_mean_teacher_hook(in_data_dir, tmp_path):
    """Its average is kept on the GPU, and is that of all students."""
    students = Weights()
    runner, steps = tiny_training.train(
        tmp_path, {'model.terms.pseudo.threshold': 0.}, [students], FIXMATCH)
    assert steps[-1]['unsup_loss_pseudo'] > 0
    momentum = runner.cfg.mean_teacher_hook.momentum
    teacher = dict(runner.model.teacher.named_parameters())
    # it begins as the student after the first step
    expected, *later = students.steps
    for step, weights in enumerate(later, 1):
        share = max(momentum, 1 / (step + 1))
        expected = {
            name: value + share * (weights[name] - value)
            for name, value in expected.items()
        }
    for name, value in expected.items():
        assert teacher[name].device.type == DEVICE
        torch.testing.assert_close(teacher[name].cpu(), value, msg=name)
    last = students.steps[-1]
    assert any(not torch.equal(last[name], value)
               for name, value in expected.items())
