"""Tests of ``mmseg_dcc/models/auxiliary_decoders.py``."""
import pytest
import torch

from mmseg_dcc.models.auxiliary_decoders import (
    AuxiliaryDecoder,
    feature_stride,
    icnr_,
    nearest_upscale,
)
from tests.cct_recordings import decoder_of
from tests.golden import assert_gradient, assert_values, golden_files, load
from tests.tiny_models import PSP, SIDE, SINGLE, build

recordings = pytest.mark.parametrize(
    'path', golden_files('cct'), ids=lambda path: path.stem)


@recordings
def test_recorded_scores(path):
    recorded = load(path)
    for name in recorded['order'].tolist():
        scores = decoder_of(recorded, name)(recorded[f'{name}_pert'])
        assert_values(scores[:, :, 1::3, ::3], recorded[f'{name}_out_sub'])
        assert_values(scores.sum((2, 3)), recorded[f'{name}_outsum'])
        if f'{name}_out' in recorded:
            assert_values(scores, recorded[f'{name}_out'])


@recordings
def test_recorded_upscale_of_8(path):
    recorded = load(path)
    features = recorded['main_x'].requires_grad_()
    scores = decoder_of(recorded, 'main')(features)
    assert_values(scores, recorded['main_out'])
    (scores * recorded['main_cotangent_i8']).sum().backward()
    assert_gradient(features.grad, recorded['main_grad_x'])


@recordings
def test_recorded_initialisation(path, monkeypatch):
    recorded = load(path)
    monkeypatch.setattr(torch.nn.init, 'kaiming_normal_',
                        lambda weight, **_: weight.copy_(recorded['icnr_k0']))
    weight = torch.empty_like(recorded['icnr_w'])
    assert torch.equal(icnr_(weight), recorded['icnr_w'])


def test_initial_stages_are_nearest_upsampling():
    torch.manual_seed(0)
    decoder = AuxiliaryDecoder(6, 3, 8)
    for name, weight in decoder.named_parameters():
        if name.endswith('bias'):
            torch.nn.init.zeros_(weight)
    scores = decoder(torch.randn(2, 6, 4, 5))
    assert scores.shape == (2, 3, 32, 40)
    assert torch.equal(
        scores, scores[..., ::8, ::8].repeat_interleave(
            8, 2).repeat_interleave(8, 3))
    assert (scores >= 0).all() and scores.any()
    kernels = icnr_(torch.empty(400, 50, 1, 1))[::4]
    assert kernels.std().item() == pytest.approx((2 / 50)**0.5, rel=0.05)


def test_upscale():
    assert [nearest_upscale(stride) for stride in (0.5, 1, 4, 8, 14, 16, 32)
            ] == [1, 1, 4, 8, 16, 16, 32]
    assert AuxiliaryDecoder(6, 3, 1)(torch.rand(2, 6, 4, 5)).shape == (
        2, 3, 4, 5)
    with pytest.raises(ValueError, match='1, 2, 4.*got 6.*stride'):
        AuxiliaryDecoder(6, 3, 6)


@pytest.mark.parametrize('config, stride', [(SINGLE, 4), (PSP, 8)])
def test_stride_is_that_of_the_features(config, stride):
    model = build('SemiEncoderDecoder', **config).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert feature_stride(model) == stride
    assert model.training and model.backbone.training
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])


def test_stride_of_a_network_for_one_size(monkeypatch):
    model = build('SemiEncoderDecoder', **PSP)
    extract_feat = model.extract_feat

    def refuse_others(images):
        if images.shape[2:] != (SIDE, SIDE):
            raise AssertionError('Input image size must be 32 x 32.')
        return extract_feat(images)

    monkeypatch.setattr(model, 'extract_feat', refuse_others)
    assert feature_stride(model) == 8
    model.data_preprocessor.size = None
    with pytest.raises(AssertionError, match='must be 32'):
        feature_stride(model)
