"""Two gloo processes under DDP against one process on the joined batch."""
import copy
from functools import partial

import pytest
import torch
import torch.distributed as dist
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData

from .processes import run_processes

pytestmark = pytest.mark.slow

SIDE, CLASSES = 32, 4


NORM = dict(type='GN', num_groups=2)
TERMS = dict(
    dc=dict(
        type='DirectionalContrast',
        projector=dict(out_channels=6),
        loss=dict(confidence_threshold=0.)),
    weak=dict(type='WeakLabels'),
    pseudo=dict(
        type='PseudoLabels', label_view='a', train_views=('a', 'b'),
        teacher=False, threshold=0.3),
    consistency=dict(
        type='SquaredConsistency', views=('a', 'b'), threshold=0.3),
    # what is dropped is drawn anew in each process
    unimatch=dict(
        type='UniMatch', label_view='a', train_views=('b', ), mix=None,
        threshold=0.3, feature_dropout=0.),
    cps=dict(type='CrossPseudo', view='b'),
    adversarial=dict(
        type='Adversarial', view='a', self_iters=0, self_threshold=0.2,
        discriminator=dict(channels=(4, 4, 4, 4))),
    # what is drawn at random would differ
    cct=dict(
        type='CrossConsistency', view='a', background=0, weak_weight=0.4,
        decoders=dict.fromkeys(('cutout', 'context', 'object', 'dropout',
                                'feature_drop', 'feature_noise', 'vat'), 1),
        perturbations=dict(
            cutout=dict(erase=1., min_points=3), dropout=dict(prob=0.),
            feature_drop=dict(threshold_range=(0.8, 0.8)),
            feature_noise=dict(amplitude=0.), vat=dict(eps=0.))),
    # All anchors, and queues of one row, so that nothing is drawn.
    u2pl=dict(
        type='UnreliablePseudoLabels', view='a', ranks=(1, 20),
        representation=dict(channels=4, dropout=0.),
        anchor_threshold=0., anchors=10**6, queue_rows=10**6, queue_sizes=1,
        negatives=1),
    matching=dict(
        type='FeatureMatching', view='a', self_threshold=0., self_iters=0,
        pixel_range=(-1, 1),
        discriminator=dict(channels=(4, 4, 4, 4), dropout=0.)),
    correction=dict(type='ErrorCorrection', view='a'),
    gct=dict(
        type='GuidedCollaboration', view='b', flaw_threshold=0.3,
        detector=dict(
            channels=(4, 4, 4), strides=(2, 1, 1),
            norm_cfg=dict(type='GN', num_groups=1))))


def build_model(names, norm=NORM):
    """Two convolutions without batch statistics, all positions negatives.

    In float64: rounding decides between labels of equal score elsewhere.
    """
    import mmseg_dcc  # noqa: F401
    from mmseg_dcc.models import SemiEncoderDecoder
    init_default_scope('mmseg')
    torch.manual_seed(0)
    terms = {name: dict(TERMS[name]) for name in names}
    if 'dc' in terms:
        world_size = dist.get_world_size() if dist.is_initialized() else 1
        terms['dc']['bank'] = dict(
            rows=4 * (SIDE // 8)**2 // world_size, steps=2)
    model = SemiEncoderDecoder(
        data_preprocessor=dict(type='SemiSegDataPreProcessor'),
        backbone=dict(
            type='mmseg.ResNet',
            depth=18,
            base_channels=4,
            num_stages=2,
            out_indices=(1, ),
            strides=(1, 2),
            dilations=(1, 1),
            norm_cfg=norm),
        decode_head=dict(
            type='FCNHead',
            num_convs=1,
            concat_input=False,
            in_channels=8,
            channels=8,
            in_index=0,
            dropout_ratio=0,
            norm_cfg=norm,
            num_classes=CLASSES),
        terms=terms).double().train()
    if any(term.needs_teacher for term in model.terms.values()):
        model.set_teacher(other_network(model))
    return model


@torch.no_grad()
def other_network(model):
    """A teacher that is not what it teaches, the same in each process."""
    teacher = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(1)
    for parameter in teacher.parameters():
        parameter += 0.1 * torch.randn(
            parameter.shape, generator=generator).double()
    return teacher


def make_batch(step, device='cpu'):
    """Four labeled images and four pairs, overlaps of different size."""
    from mmseg.structures import SegDataSample

    from mmseg_dcc.structures import ViewInfo
    generator = torch.Generator().manual_seed(step)
    images = torch.randn(4, 3, SIDE, SIDE, generator=generator).double()
    labels = torch.randint(
        0, CLASSES, (4, 1, SIDE, SIDE), generator=generator)
    pairs = torch.randn(4, 2, 3, SIDE, SIDE, generator=generator).double()
    labeled, unlabeled = [], []
    for i in range(4):
        sample = SegDataSample()
        sample.gt_sem_seg = PixelData(data=labels[i])
        labeled.append(sample)
        edge = 8 * (i + 1)
        away = SIDE - edge
        sample = SegDataSample()
        # padding of another size in each image
        valid = (0, 0, SIDE, SIDE - 4 * i)
        sample.set_metainfo(
            dict(
                views=dict(
                    a=ViewInfo((away, 0, away + SIDE, SIDE), valid),
                    b=ViewInfo((0, away, SIDE, away + SIDE), valid,
                               'horizontal' if i % 2 else None))))
        weak = torch.randint(0, CLASSES, (2, SIDE, SIDE), generator=generator)
        weak[:, :edge // 2] = 255  # unknown
        sample.weak_sem_seg = PixelData(data=weak)
        unlabeled.append(sample)
    return (images.to(device), pairs.to(device),
            [sample.to(device) for sample in labeled],
            [sample.to(device) for sample in unlabeled])


def train_steps(model, rank, world_size):
    """Three steps over the warm-up border; gradients of the last."""
    bare = getattr(model, 'module', model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    device = next(model.parameters()).device
    part = slice(rank * 4 // world_size, (rank + 1) * 4 // world_size)
    for step in range(4):
        bare.unsup_enabled = step > 0
        images, pairs, labeled, unlabeled = make_batch(step, device)
        optimizer.zero_grad()
        losses = model(
            dict(sup=images[part], unsup=pairs[part]),
            dict(sup=labeled[part], unsup=unlabeled[part]),
            mode='loss')
        bare.parse_losses(losses)[0].backward()
        if step < 3:
            optimizer.step()
    bank = ()
    if 'dc' in bare.terms:
        bank = [
            tensor.clone() for tensor in bare.terms['dc'].bank.negatives()
        ]
    return dict(
        gradients={
            name: parameter.grad.clone()
            for name, parameter in bare.named_parameters()
            if parameter.requires_grad
        },
        bank=bank,
        losses={
            key: value.item()
            for key, value in losses.items() if 'unsup_loss' in key
        })


def train_in_process(names, rank):
    model = MMDistributedDataParallel(
        build_model(names),
        broadcast_buffers=False,
        find_unused_parameters=False)
    return train_steps(model, rank, 2)


def same_rows(bank, other):
    """Whether two banks hold the same rows, in whatever order."""
    rows, other_rows = (
        torch.cat([features, labels[:, None].float()], 1)
        for features, labels in (bank, other))
    distance = (rows[:, None] - other_rows[None]).abs().amax(-1)
    return bool((distance.min(0).values < 1e-4).all()
                and (distance.min(1).values < 1e-4).all())


@pytest.mark.parametrize('names', [
    *((name, ) for name in TERMS),
    tuple(TERMS),
], ids='+'.join)
def test_two_processes_equal_one(names, tmp_path):
    """For every term, and for all of them together."""
    ranks = run_processes(partial(train_in_process, names), tmp_path)
    single = train_steps(build_model(names), 0, 1)

    if 'dc' in names:
        for first, second in zip(ranks[0]['bank'], ranks[1]['bank']):
            assert torch.equal(first, second)
        assert len(ranks[0]['bank'][0]) == len(single['bank'][0])
        assert same_rows(ranks[0]['bank'], single['bank'])
    for name in names:
        key = f'unsup_loss_{name}'
        assert single['losses'][key] > 0
        assert ranks[0]['losses'][key] != ranks[1]['losses'][key]
    for name, expected in single['gradients'].items():
        for rank in ranks:
            error = (rank['gradients'][name] - expected).norm()
            assert error <= 1e-4 * expected.norm() + 1e-6, name
