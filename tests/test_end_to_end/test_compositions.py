"""Tests of every composition of terms by the Runner.

Each trains, resumes with the same bits, runs in mixed precision and with
accumulated gradients, and is published for plain mmseg.
"""
import functools

import pytest
import torch
from mmengine.config import Config

from mmseg_dcc.apis.publish import publish

from ..conftest import ROOT, reads_trainings_safely
from ..tiny_training import train
from .test_tools import assert_same_training

pytestmark = pytest.mark.slow

DEMO = ROOT / 'configs/demo'
TERMS = {
    'dcc': {'dc'},
    'fixmatch': {'pseudo'},
    'unimatch_v1': {'pseudo'},
    'unimatch_v2': {'pseudo'},
    'cutmix_seg': {'consistency'},
    'classmix': {'pseudo'},
    'cps': {'cps'},
    'advsemiseg': {'adversarial'},
    'cct': {'cct'},
    'u2pl': {'u2pl'},
    's4gan': {'matching'},
    'ecs': {'correction'},
    'gct': {'gct'},
    'dcc_weak_teacher': {'dc', 'weak', 'pseudo'},
}
EAGER = {
    'pseudo': {
        'model.terms.pseudo.threshold': 0.
    },
    'consistency': {
        'model.terms.consistency.threshold': 0.
    },
    'adversarial': {
        'model.terms.adversarial.self_iters': 2
    },
    'u2pl': {
        'model.terms.u2pl.anchor_threshold': 0.
    },
    'matching': {
        'model.terms.matching.self_threshold': 0.
    },
    'correction': {
        'model.terms.correction.unlabeled_iters': 2
    },
}
# Entropies of an untrained network differ by their rounding alone, which
# decides what is learned.
TOLERANCE = {'u2pl': 0.2}
compositions = pytest.mark.parametrize('name', TERMS)


def run(folder, name, **options):
    eager = {
        key: value
        for term in TERMS[name] for key, value in EAGER.get(term, {}).items()
    }
    return train(
        folder, {
            **eager, 'train_dataloader.num_workers': 1,
            'train_cfg.max_iters': 6,
            'train_dataloader.batch_sampler.epoch_length': 6,
            **options
        },
        config=DEMO / f'deeplabv3plus_small_demo_{name}.py')


def checkpoints(interval=3):
    return {
        'default_hooks.checkpoint':
        dict(type='CheckpointHook', by_epoch=False, interval=interval)
    }


@pytest.fixture(scope='module')
def plain(tmp_path_factory):
    """Function with the steps and the folder of a training of each."""

    @functools.lru_cache(maxsize=None)
    def train_once(name):
        folder = tmp_path_factory.mktemp(name)
        return run(folder, name, **checkpoints())[1], folder

    return train_once


@reads_trainings_safely
@compositions
def test_resumed_training_ends_with_the_same_bits(name, plain, in_data_dir,
                                                  tmp_path):
    whole, folder = plain(name)
    for term in TERMS[name]:
        losses = [step[f'unsup_loss_{term}'] for step in whole]
        assert losses[0] == 0
        assert all(loss > 0 for loss in losses[1:])
    (tmp_path / 'last_checkpoint').write_text(
        str((folder / 'iter_3.pth').rename(tmp_path / 'iter_3.pth')))
    torch.manual_seed(99)  # whatever the process drew before
    _, resumed = run(tmp_path, name, resume=True, **checkpoints())
    assert resumed == whole[3:]
    assert_same_training(folder / 'iter_6.pth', tmp_path / 'iter_6.pth')


@reads_trainings_safely
def test_all_terms_together_are_published(in_data_dir, tmp_path):
    runner, _ = run(tmp_path, 'dcc_weak_teacher', **checkpoints())
    checkpoint = torch.load(tmp_path / 'iter_6.pth', weights_only=True)
    assert any(key.startswith('terms.') for key in checkpoint['state_dict'])
    published, config = publish(checkpoint)
    assert config.model.type == 'EncoderDecoder'
    assert not {'terms', 'sup_weight'} & set(config.model)
    assert not any(
        key.startswith('terms.') for key in published['state_dict'])
    # of the teacher, which is validated and published
    teacher = runner.model.teacher.state_dict()
    for key, value in published['state_dict'].items():
        assert torch.equal(value, teacher[key]), key


@compositions
@pytest.mark.parametrize('options', [
    {
        'optim_wrapper.type': 'AmpOptimWrapper',
        'optim_wrapper.loss_scale': 'dynamic'
    },
    {
        'optim_wrapper.accumulative_counts': 2
    },
], ids=['amp', 'accumulation'])
def test_training_modes(name, options, plain, in_data_dir, tmp_path):
    steps_of_plain, _ = plain(name)
    runner, steps = run(tmp_path, name, **options)
    for term in TERMS[name]:
        key = f'unsup_loss_{term}'
        # the first with unlabeled images has hardly learned otherwise
        assert steps[1][key] == pytest.approx(
            steps_of_plain[1][key], rel=TOLERANCE.get(name, 0.1))
        assert steps[1][key] != steps_of_plain[1][key]
    assert all(weight.isfinite().all() and weight.dtype != torch.bfloat16
               for weight in runner.model.parameters())


class Overflow(torch.nn.Module):
    """Makes the images of unlabeled views overflow in half precision."""

    def __init__(self, backbone):
        super().__init__()
        self.backbone = backbone
        self.calls = 0

    def forward(self, images):
        self.calls += 1
        return self.backbone(images * (1e30 if self.calls > 1 else 1.))


@pytest.mark.parametrize('name', ['dcc', 'cps', 'advsemiseg', 'cct', 'gct'])
def test_overflow_of_an_unlabeled_branch_leaves_no_trace(name, in_data_dir):
    """Neither in batch statistics nor in the bank, for any terms."""
    from mmseg.registry import MODELS

    from ..tiny_models import SIDE, aligned_sample, batch, unlabeled_sample
    cfg = Config.fromfile(DEMO / f'deeplabv3plus_small_demo_{name}.py')
    cfg.model.data_preprocessor.size = (SIDE, SIDE)
    if name == 'dcc':
        cfg.model.memory_bank.negatives_per_crop = 20
    if name == 'advsemiseg':
        cfg.model.terms.adversarial.discriminator.channels = (4, 4, 4, 4)
    model = MODELS.build(cfg.model).train()
    model.backbone = Overflow(model.backbone)
    before = {key: value.clone() for key, value in model.named_buffers()}
    sample = unlabeled_sample if name == 'dcc' else (
        lambda: aligned_sample(('weak', )))
    data = model.data_preprocessor(batch(sample=sample), training=True)
    with torch.autocast('cpu', dtype=torch.float16):
        model(**data, mode='loss')
    for key, value in model.named_buffers():
        assert value.isfinite().all(), key
        if 'running_' in key and 'partner' not in key:
            assert torch.equal(value, before[key]), key
    if name == 'dcc':
        assert model.terms['dc'].bank.fill == 0
