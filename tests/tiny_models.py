"""Configs and batches of tiny networks that train in milliseconds."""
import torch
from mmengine.config import ConfigDict
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_dcc.models.semi_batch import LabeledPart, SemiBatch
from mmseg_dcc.structures import ViewInfo

NUM_CLASSES, SIDE = 3, 32
BACKBONE = dict(
    type='ResNet',
    depth=18,
    num_stages=3,
    out_indices=(0, 1, 2),
    strides=(1, 2, 1),
    dilations=(1, 1, 2),
    stem_channels=8,
    base_channels=8,
    norm_cfg=dict(type='BN'))
COMMON_HEAD = dict(
    channels=8,
    dropout_ratio=0.1,
    num_classes=NUM_CLASSES,
    norm_cfg=dict(type='BN'),
    align_corners=False)
# Features at stride 4.
ASPP_HEAD = dict(
    COMMON_HEAD,
    type='DepthwiseSeparableASPPHead',
    in_channels=32,
    in_index=2,
    dilations=(1, 2),
    c1_in_channels=8,
    c1_channels=4)
# Features at stride 8.
PSP_HEAD = dict(
    COMMON_HEAD,
    type='PSPHead',
    in_channels=32,
    in_index=2,
    pool_scales=(1, 2))
FCN_HEAD = dict(
    COMMON_HEAD, type='FCNHead', in_channels=16, in_index=1, num_convs=1)
OCR_HEAD = dict(
    COMMON_HEAD, type='OCRHead', in_channels=32, in_index=2, ocr_channels=4)
SINGLE = dict(backbone=BACKBONE, decode_head=ASPP_HEAD)
PSP = dict(backbone=BACKBONE, decode_head=PSP_HEAD)
CASCADE = dict(
    backbone=BACKBONE, num_stages=2, decode_head=[FCN_HEAD, OCR_HEAD])


def build(segmentor_type, preprocessor='SemiSegDataPreProcessor', **kwargs):
    return MODELS.build(
        ConfigDict(
            type=segmentor_type,
            train_cfg={},
            test_cfg=dict(mode='whole'),
            data_preprocessor=dict(
                type=preprocessor,
                mean=[128.] * 3,
                std=[64.] * 3,
                size=(SIDE, SIDE)),
            **kwargs))


def build_dcc(config=SINGLE, **kwargs):
    """DCC model with all positions active and fixed weights."""
    settings = dict(
        projector=dict(type='PixelProjector', out_channels=4),
        memory_bank=dict(negatives_per_crop=20, steps=2),
        loss_dc=dict(confidence_threshold=0.))
    torch.manual_seed(0)
    return build('DCCSegmentor', **{**config, **settings, **kwargs}).train()


def without_dropout(model):
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout2d):
            module.p = 0.
    return model


@torch.no_grad()
def settle(model):
    """Randomises batch norms, so that scores depend on the images."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 1.
    model.train()
    model(torch.randn(8, 3, SIDE, SIDE), mode='tensor')
    return model.eval()


def labeled_sample():
    sample = SegDataSample(
        metainfo=dict(
            img_shape=(SIDE, SIDE),
            ori_shape=(SIDE, SIDE),
            pad_shape=(SIDE, SIDE)))
    sample.gt_sem_seg = PixelData(
        data=torch.randint(NUM_CLASSES, (1, SIDE, SIDE)))
    return sample


def unlabeled_sample(corners=((0, 8), (8, 0)),
                     valid_boxes=((0, 0, SIDE, SIDE), ) * 2,
                     flips=(None, None),
                     names=('a', 'b'),
                     side=SIDE):
    """Sample of views that share three quarters of both sides."""
    return SegDataSample(
        metainfo=dict(
            views={
                name: ViewInfo((top, left, top + side, left + side), valid,
                               flip)
                for name, (top, left), valid, flip in zip(
                    names, corners, valid_boxes, flips)
            }))


def aligned_sample(names, flips=None, valid=(0, 0, SIDE, SIDE)):
    """Sample of views of one window."""
    return unlabeled_sample(
        corners=((0, 0), ) * len(names),
        valid_boxes=(valid, ) * len(names),
        flips=flips or (None, ) * len(names),
        names=names)


def batch(labeled=2, pairs=2, sample=None):
    """Training batch; ``sample`` makes the samples of unlabeled images."""
    make = sample or (
        lambda: unlabeled_sample(flips=('horizontal', None)))
    samples = [make() for _ in range(pairs)]
    shapes = [(3, SIDE, SIDE)] * labeled + [
        (len(single.metainfo['views']), 3, SIDE, SIDE) for single in samples
    ]
    return dict(
        inputs=[
            torch.randint(0, 256, shape, dtype=torch.uint8)
            for shape in shapes
        ],
        data_samples=[labeled_sample() for _ in range(labeled)] + samples)


def semi_batch(model, images, samples):
    """``SemiBatch`` of unlabeled images, shape (U, V, C, H, W)."""
    return SemiBatch(model, LabeledPart(None, [], [], model.pixel_head),
                     images, samples)


def losses_of(model, data=None):
    data = model.data_preprocessor(data or batch(), training=True)
    return model(**data, mode='loss')
