"""Two gloo processes under DDP against one process on the joined batch."""
import torch
import torch.distributed as dist
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData

from .processes import run_processes

SIDE, CLASSES = 32, 4


def build_model():
    """Two convolutions without batch statistics, all positions negatives."""
    import mmseg_dcc  # noqa: F401
    from mmseg_dcc.models import DCCSegmentor
    init_default_scope('mmseg')
    torch.manual_seed(0)
    return DCCSegmentor(
        data_preprocessor=dict(type='SemiSegDataPreProcessor'),
        backbone=dict(
            type='mmseg.ResNet',
            depth=18,
            base_channels=4,
            num_stages=2,
            out_indices=(1, ),
            strides=(1, 2),
            dilations=(1, 1),
            norm_cfg=dict(type='GN', num_groups=2)),
        decode_head=dict(
            type='FCNHead',
            num_convs=1,
            concat_input=False,
            in_channels=8,
            channels=8,
            in_index=0,
            dropout_ratio=0,
            norm_cfg=dict(type='GN', num_groups=2),
            num_classes=CLASSES),
        projector=dict(type='PixelProjector', out_channels=6),
        loss_dc=dict(confidence_threshold=0.),
        memory_bank=dict(
            negatives_per_crop=4 * (SIDE // 8)**2 //
            (dist.get_world_size() if dist.is_initialized() else 1),
            steps=2),
        stride=8).train()


def make_batch(step):
    """Four labeled images and four pairs, overlaps of different size."""
    from mmseg.structures import SegDataSample
    generator = torch.Generator().manual_seed(step)
    images = torch.randn(4, 3, SIDE, SIDE, generator=generator)
    labels = torch.randint(
        0, CLASSES, (4, 1, SIDE, SIDE), generator=generator)
    pairs = torch.randn(4, 2, 3, SIDE, SIDE, generator=generator)
    labeled, unlabeled = [], []
    for i in range(4):
        sample = SegDataSample()
        sample.gt_sem_seg = PixelData(data=labels[i])
        labeled.append(sample)
        edge = 8 * (i + 1)
        sample = SegDataSample()
        sample.set_metainfo(
            dict(
                overlap_boxes=[(0, SIDE - edge, edge, SIDE),
                               (SIDE - edge, 0, SIDE, edge)],
                valid_boxes=[(0, 0, SIDE, SIDE)] * 2,
                flips=[None, 'horizontal' if i % 2 else None]))
        unlabeled.append(sample)
    return images, pairs, labeled, unlabeled


def train_steps(model, rank, world_size):
    """Three steps over the warm-up border; gradients of the last."""
    bare = getattr(model, 'module', model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    part = slice(rank * 4 // world_size, (rank + 1) * 4 // world_size)
    for step in range(4):
        bare.unsup_enabled = step > 0
        images, pairs, labeled, unlabeled = make_batch(step)
        optimizer.zero_grad()
        losses = model(
            dict(sup=images[part], unsup=pairs[part]),
            dict(sup=labeled[part], unsup=unlabeled[part]),
            mode='loss')
        bare.parse_losses(losses)[0].backward()
        if step < 3:
            optimizer.step()
    return dict(
        gradients={
            name: parameter.grad.clone()
            for name, parameter in bare.named_parameters()
        },
        bank=[tensor.clone() for tensor in bare.memory_bank.negatives()],
        loss=losses['unsup_loss_dc'].item())


def train_in_process(rank):
    model = MMDistributedDataParallel(
        build_model(), broadcast_buffers=False, find_unused_parameters=False)
    return train_steps(model, rank, 2)


def same_rows(bank, other):
    """Whether two banks hold the same rows, in whatever order."""
    rows, other_rows = (
        torch.cat([features, labels[:, None].float()], 1)
        for features, labels in (bank, other))
    distance = (rows[:, None] - other_rows[None]).abs().amax(-1)
    return bool((distance.min(0).values < 1e-4).all()
                and (distance.min(1).values < 1e-4).all())


def test_two_processes_equal_one(tmp_path):
    ranks = run_processes(train_in_process, tmp_path)
    single = train_steps(build_model(), 0, 1)

    for first, second in zip(ranks[0]['bank'], ranks[1]['bank']):
        assert torch.equal(first, second)
    assert len(ranks[0]['bank'][0]) == len(single['bank'][0])
    assert same_rows(ranks[0]['bank'], single['bank'])
    assert single['loss'] > 0
    assert ranks[0]['loss'] != ranks[1]['loss']
    for name, expected in single['gradients'].items():
        for rank in ranks:
            error = (rank['gradients'][name] - expected).norm()
            assert error <= 1e-4 * expected.norm() + 1e-6, name
