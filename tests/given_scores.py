"""Segmentors whose scores are channels of the images."""
import torch
import torch.nn.functional as F
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from tests.tiny_models import build


@MODELS.register_module()
class EveryNthPixel(torch.nn.Module):
    """Backbone stub: every ``factor``-th pixel is a feature."""

    def __init__(self, factor=1):
        super().__init__()
        self.factor = factor

    def forward(self, images):
        return [images[..., ::self.factor, ::self.factor]]


def given_scores(num_classes,
                 terms,
                 channels=None,
                 factor=1,
                 align_corners=False,
                 **kwargs):
    """Makes the first ``num_classes`` channels of the images the scores."""
    channels = channels or num_classes
    model = build(
        'SemiEncoderDecoder',
        backbone=dict(type='EveryNthPixel', factor=factor),
        decode_head=dict(
            type='FCNHead',
            num_convs=0,
            concat_input=False,
            in_channels=channels,
            channels=channels,
            in_index=0,
            dropout_ratio=0,
            align_corners=align_corners,
            loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
            num_classes=num_classes),
        terms=terms,
        **kwargs).train()
    select(model, range(num_classes))
    return model


def select(model, channels):
    """Makes these channels the scores."""
    weight = F.one_hot(
        torch.tensor([*channels]), model.decode_head.channels).float()
    with torch.no_grad():
        model.decode_head.conv_seg.weight.copy_(weight[..., None, None])
        model.decode_head.conv_seg.bias.zero_()


def labeled_samples(masks):
    """Samples of masks of shape (N, H, W)."""
    return [
        SegDataSample(gt_sem_seg=PixelData(data=mask[None])) for mask in masks
    ]
