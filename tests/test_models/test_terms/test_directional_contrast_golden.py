"""Tests of the DC loss of a step against recorded published values.

The recordings were made in float64, with the ``1e-8`` guards of the published
code removed. They go through ``DCCSegmentor``: flips, pooling, overlap,
negatives, bank and both directions are compared at once, step after step.
"""
import json

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement
from mmseg.registry import MODELS

from mmseg_dcc.models import DCCSegmentor
from mmseg_dcc.structures import ViewInfo
from tests.golden import golden_files
from tests.tiny_models import semi_batch


@MODELS.register_module()
class SubsamplingBackbone(torch.nn.Module):
    """Backbone stub: every ``factor``-th pixel is a feature."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, images):
        return [images[..., ::self.factor, ::self.factor]]


def build_segmentor(record, meta):
    channels = record['step0/feats'].shape[2]
    model = DCCSegmentor(
        data_preprocessor=dict(type='SemiSegDataPreProcessor'),
        backbone=dict(
            type='SubsamplingBackbone',
            factor=meta['crop_size'] // record['step0/feats'].shape[-1]),
        decode_head=dict(
            type='FCNHead',
            num_convs=0,
            concat_input=False,
            in_channels=channels,
            channels=channels,
            in_index=0,
            num_classes=meta['num_classes']),
        projector=dict(type='PixelProjector', out_channels=meta['proj_dim']),
        memory_bank=dict(
            negatives_per_crop=meta['negatives_per_crop'],
            steps=meta['bank_steps']),
        loss_dc=dict(
            temperature=meta['temperature'],
            confidence_threshold=meta['pos_thresh'],
            loss_weight=1.0),
        stride=meta['stride'])
    projector = model.terms['dc'].projector
    for module, prefix in ((model.decode_head.conv_seg, 'param/classifier.'),
                           (projector.layers, 'param/project.')):
        module.load_state_dict({
            name: torch.from_numpy(record[prefix + name])
            for name in module.state_dict()
        })
    return model.train()


def step_inputs(record, meta, step):
    """Features of the crop pairs and their metainfo in one recorded step."""
    features = torch.from_numpy(record[f'step{step}/feats']).float()
    boxes = [
        np.concatenate(
            [record[f'step{step}/ul{i}'], record[f'step{step}/br{i}']], 1)
        for i in (1, 2)
    ]
    side = meta['crop_size']
    samples = []
    for own, other, flips in zip(*boxes, record[f'step{step}/flip']):
        # The first view lies at the origin of the image.
        top, left = (int(own[i] - other[i]) for i in (0, 1))
        views = {
            name: ViewInfo((y, x, y + side, x + side), (0, 0, side, side),
                           'horizontal' if flipped else None)
            for name, (y, x), flipped in zip('ab', ((0, 0), (top, left)),
                                             flips)
        }
        assert views['a'].shared(views['b']) == (tuple(own), tuple(other))
        samples.append(BaseDataElement(metainfo=dict(views=views)))
    return features, samples


def upright_picks(record, meta, step):
    """Recorded indices, which count flipped positions, made upright."""
    side = meta['crop_size'] // meta['stride']
    for crop in range(2):
        image, y, x = np.unravel_index(
            record[f'step{step}/picks'][crop],
            (len(record[f'step{step}/flip']), side, side))
        flipped = record[f'step{step}/flip'][image, crop]
        x = np.where(flipped, side - 1 - x, x)
        yield torch.from_numpy((image * side + y) * side + x)


def relative_error(got, expected):
    expected = torch.as_tensor(expected, dtype=got.dtype)
    return ((got - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize(
    'path', golden_files('deeplab') + golden_files('psp'),
    ids=lambda path: path.stem)
def test_branch_equals_published(path, monkeypatch):
    record = np.load(path)
    meta = json.loads(str(record['meta']))
    model = build_segmentor(record, meta)
    for step in range(meta['steps']):
        features, samples = step_inputs(record, meta, step)
        features.requires_grad_()
        factor = model.backbone.factor
        images = features.repeat_interleave(factor, -1).repeat_interleave(
            factor, -2)
        picks = upright_picks(record, meta, step)
        monkeypatch.setattr(torch, 'randperm',
                            lambda *_, picks=picks, **__: next(picks))
        model.zero_grad()
        loss = model.terms['dc'].loss(
            semi_batch(model, images, samples))['loss']
        loss.backward()

        assert relative_error(loss.detach(),
                              record[f'step{step}/loss'].sum()) < 1e-5
        assert relative_error(features.grad,
                              record[f'step{step}/grad_feats']) < 1e-4
        for parameter_name, parameter in (
                model.terms['dc'].projector.layers.named_parameters()):
            assert relative_error(
                parameter.grad,
                record[f'step{step}/grad/project.{parameter_name}']) < 1e-4
        # This loss does not train the classifier.
        assert model.decode_head.conv_seg.weight.grad is None
