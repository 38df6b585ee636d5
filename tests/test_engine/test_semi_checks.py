"""Tests of ``mmseg_dcc/engine/semi_checks.py``.

Each fault would otherwise show late in a training, or never.
"""
from types import SimpleNamespace

import mmcv
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

from mmseg_dcc.engine.semi_checks import (
    check_semi_training,
    check_small_batches,
    check_teacher,
)
from tests.tiny_models import PSP, SINGLE, build, build_dcc
from tests.tiny_training import train

PSEUDO = dict(
    type='PseudoLabels', label_view='a', train_views=('b', ), threshold=0.)


def test_supervised_model_is_refused():
    model = build('EncoderDecoder', 'SegDataPreProcessor', **SINGLE)
    with pytest.raises(TypeError, match='SemiEncoderDecoder.*model.type'):
        check_semi_training(SimpleNamespace(model=model, train_dataloader=[]))


def test_term_without_a_teacher_is_told_before_training():
    model = build_dcc(terms=dict(pseudo=PSEUDO))
    with pytest.raises(ValueError, match=r"\['pseudo'\].*MeanTeacherHook"):
        check_teacher(model, [])
    check_teacher(build_dcc(terms=dict(pseudo=dict(PSEUDO, teacher=False))),
                  [])


def test_view_that_the_pipeline_lacks(in_data_dir, tmp_path):
    with pytest.raises(ValueError, match="'weak'.*makes.*'a', 'b'"):
        train(
            tmp_path, {
                'model.terms': dict(
                    pseudo=dict(
                        type='PseudoLabels', teacher=False,
                        train_views=('a', )))
            })


GREY = dict(type='LoadImageFromFile', color_type='grayscale')


@pytest.mark.parametrize('options, message', [
    ({
        'train_dataloader.dataset.datasets.1.pipeline.0': GREY
    }, r'UnlabeledDataset gives images of 1 channel.*expects 3'),
    ({
        'model.backbone.in_channels': 4
    }, r'PascalVOCDataset gives images of 3 channel.*expects 4'),
    ({
        'model.data_preprocessor.mean': [0.] * 4,
        'model.data_preprocessor.std': [1.] * 4,
    }, 'data_preprocessor.mean has 4 numbers.*images of 3'),
])
def test_channels_that_do_not_fit(options, message, in_data_dir, tmp_path):
    # photometric steps of three channels would be told of first
    views = {name: dict(window=window, transforms=[])
             for window, name in enumerate('ab')}
    options['train_dataloader.dataset.datasets.1.pipeline.3.views'] = views
    with pytest.raises(ValueError, match=message):
        train(tmp_path, options)


@pytest.mark.parametrize('channels', [1, 4])
def test_other_numbers_of_channels_train(channels, in_data_dir, tmp_path):
    load = dict(type='LoadChannels', channels=channels)
    views = {
        name: dict(
            window=window, transforms=[dict(type='RandomFlip', prob=0.5)])
        for window, name in enumerate('ab')
    }
    datasets = 'train_dataloader.dataset.datasets'
    _, steps = train(
        tmp_path, {
            f'{datasets}.1.pipeline.3.views': views,
            f'{datasets}.1.pipeline.0': load,
            f'{datasets}.0.pipeline.0': load,
            # in place of the colour jitter
            f'{datasets}.0.pipeline.5.type': 'Nothing',
            'model.backbone.in_channels': channels,
            'model.data_preprocessor.mean': [128.] * channels,
            'model.data_preprocessor.std': [64.] * channels,
            'model.data_preprocessor.bgr_to_rgb': channels == 3,
        })
    assert all(step['unsup_loss_dc'] > 0 for step in steps[1:])


@TRANSFORMS.register_module()
class Nothing(BaseTransform):

    def __init__(self, **kwargs):
        pass

    def transform(self, results):
        return results


@TRANSFORMS.register_module()
class LoadChannels(BaseTransform):
    """Loads random floats with some channels; without an axis if one."""

    def __init__(self, channels):
        self.channels = channels

    def transform(self, results):
        image = mmcv.imread(results['img_path'], 'grayscale').astype('f4')
        if self.channels > 1:
            image = image[..., None].repeat(self.channels, -1)
        results.update(
            img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2])
        return results


def loader_of(*images):
    return SimpleNamespace(
        batch_sampler=SimpleNamespace(
            images_per_batch=list(images), is_unlabeled=[False, True]))


@pytest.mark.parametrize('images', [(1, 1), (1, 3), (3, 1)])
def test_batch_of_one_that_cannot_be_normalised(images):
    """Of a head with an image pool; torch raises in the first iteration."""
    model = build('DCCSegmentor', **PSP).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(ValueError, match='Raise train_dataloader.batch_size'):
        check_small_batches(model, loader_of(*images))
    assert model.training
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key]), key


@pytest.mark.parametrize('config, images', [(PSP, (2, 2)), (SINGLE, (1, 1))])
def test_batches_that_can(config, images):
    if config is SINGLE:
        config = dict(
            SINGLE,
            decode_head=dict(
                type='FCNHead', in_channels=32, in_index=2, channels=8,
                num_convs=1, num_classes=3, norm_cfg=dict(type='BN')))
    model = build('DCCSegmentor', **config).train()
    check_small_batches(model, loader_of(*images))
