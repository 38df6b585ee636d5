"""Tests of ``mmseg_dcc/models/backbones/dinov2.py``."""
import math
import sys

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmseg.registry import MODELS

from mmseg_dcc.models.backbones.dinov2_weights import dinov2_weights
from mmseg_dcc.models.head_features import encoder_features
from tests.backbones import has_mmpretrain, import_mmpretrain
from tests.optional_packages import needs_mmpretrain
from tests.project_configs import load_config
from tests.tiny_dinov2 import (
    ARCH,
    BACKBONE,
    DIMS,
    DPT_HEAD,
    HEADS,
    LAYERS,
    LINEAR_HEAD,
    PATCH,
    official_weights,
)

pytestmark = needs_mmpretrain


@pytest.fixture(autouse=True, scope='module')
def mmpretrain():
    if has_mmpretrain():
        import_mmpretrain()


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / 'dinov2.pth'
    torch.save(official_weights(), path)
    return str(path)


def pretrained(path, **changes):
    model = MODELS.build(
        dict(
            BACKBONE,
            init_cfg=dict(type='Pretrained', checkpoint=path),
            **changes))
    model.init_weights()
    return model


def normed(tokens, weights, name):
    mean = tokens.mean(-1, keepdim=True)
    variance = (tokens - mean).square().mean(-1, keepdim=True)
    scaled = (tokens - mean) / (variance + 1e-6).sqrt()
    return scaled * weights[f'{name}.weight'] + weights[f'{name}.bias']


def linear(tokens, weights, name):
    return tokens @ weights[f'{name}.weight'].T + weights[f'{name}.bias']


def attention(tokens, weights, name):
    """Attention computed by loops over queries and heads."""
    width = DIMS // HEADS
    parts = linear(tokens, weights, f'{name}.qkv').split(DIMS, -1)
    out = torch.empty_like(tokens)
    for head in range(HEADS):
        query, key, value = (
            part[:, head * width:(head + 1) * width] for part in parts)
        for i, asked in enumerate(query):
            share = torch.stack([asked @ k / math.sqrt(width) for k in key])
            share = share.exp() / share.exp().sum()
            out[i, head * width:(head + 1) * width] = sum(
                s * v for s, v in zip(share, value))
    return linear(out, weights, f'{name}.proj')


def naive_levels(image, weights, positions):
    """Normalised patch tokens of each layer, as maps (C, h, w)."""
    h, w = (side // PATCH for side in image.shape[1:])
    kernel = weights['patch_embed.proj.weight'].flatten(1)
    tokens = [weights['cls_token'][0, 0] + positions[0]]
    for y in range(h):
        for x in range(w):
            patch = image[:, y * PATCH:(y + 1) * PATCH,
                          x * PATCH:(x + 1) * PATCH]
            tokens.append(kernel @ patch.flatten() +
                          weights['patch_embed.proj.bias'] +
                          positions[1 + y * w + x])
    tokens = torch.stack(tokens)
    levels = []
    for number in range(LAYERS):
        block = f'blocks.{number}'
        tokens = tokens + weights[f'{block}.ls1.gamma'] * attention(
            normed(tokens, weights, f'{block}.norm1'), weights,
            f'{block}.attn')
        hidden = linear(
            normed(tokens, weights, f'{block}.norm2'), weights,
            f'{block}.mlp.fc1')
        hidden = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
        tokens = tokens + weights[f'{block}.ls2.gamma'] * linear(
            hidden, weights, f'{block}.mlp.fc2')
        patches = normed(tokens, weights, 'norm')[1:]
        levels.append(patches.T.reshape(DIMS, h, w))
    return levels


def test_official_weights_give_what_a_naive_forward_gives(checkpoint):
    weights = official_weights()
    image = torch.randn(3, 28, 28)
    found = pretrained(checkpoint).eval()(image[None])
    expected = naive_levels(image, weights, weights['pos_embed'][0])
    assert len(found) == LAYERS
    for level, wanted in zip(found, expected):
        torch.testing.assert_close(level[0], wanted, rtol=1e-4, atol=1e-4)


def test_positions_of_another_crop_are_resized(checkpoint):
    weights = official_weights()
    image = torch.randn(3, 42, 56)
    grid = weights['pos_embed'][:, 1:].reshape(1, 2, 2, DIMS)
    grid = torch.nn.functional.interpolate(
        grid.permute(0, 3, 1, 2), (3, 4), mode='bicubic')
    positions = torch.cat(
        [weights['pos_embed'][0, :1], grid.flatten(2)[0].T])
    found = pretrained(checkpoint)(image[None])
    for level, wanted in zip(found, naive_levels(image, weights, positions)):
        assert level.shape == (1, DIMS, 3, 4)
        torch.testing.assert_close(level[0], wanted, rtol=1e-4, atol=1e-4)


def test_names_go_to_those_of_the_model():
    model = MODELS.build(BACKBONE)
    weights = dinov2_weights(official_weights())
    assert set(weights) == set(model.state_dict())
    # names of the model are kept
    assert dinov2_weights(weights) == weights


def test_names_of_the_giant():
    weights = dinov2_weights({
        f'blocks.3.mlp.{name}.weight': torch.zeros(1)
        for name in ('w12', 'w3')
    })
    assert set(weights) == {
        'vit.layers.3.ffn.w12.weight', 'vit.layers.3.ffn.w3.weight'
    }


def test_files_of_mmpretrain_load_likewise(checkpoint, tmp_path):
    """Weights with the names of mmpretrain and a prefix."""
    own = pretrained(checkpoint)
    plain = MODELS.build(
        dict(
            type='mmpretrain.VisionTransformer',
            arch=ARCH,
            img_size=28,
            patch_size=PATCH,
            out_indices=[0, 1, 2, 3],
            out_type='featmap',
            layer_scale_init_value=1e-5))
    plain.load_state_dict({
        name.replace('vit.', '').replace('norm.', 'ln1.', 1)
        if name.startswith('norm.') else name[len('vit.'):]: value
        for name, value in own.state_dict().items()
    })
    path = tmp_path / 'mmpretrain.pth'
    torch.save(
        dict(state_dict={
            f'backbone.{name}': value
            for name, value in plain.state_dict().items()
        }), path)
    model = MODELS.build(
        dict(
            BACKBONE,
            init_cfg=dict(
                type='Pretrained', checkpoint=str(path), prefix='backbone.')))
    model.init_weights()
    images = torch.randn(2, 3, 28, 28)
    for level, wanted in zip(model(images), own(images)):
        assert torch.equal(level, wanted)
    # mmpretrain applies the norm to the last level only
    torch.testing.assert_close(plain(images)[-1], own(images)[-1])
    assert not torch.allclose(plain(images)[0], own(images)[0])


def test_embeddings_of_another_size_load(tmp_path):
    path = tmp_path / 'larger.pth'
    torch.save(official_weights(side=3), path)
    assert pretrained(str(path)).vit.pos_embed.shape == (1, 5, DIMS)


@pytest.mark.parametrize('spoil', [
    lambda weights: weights.pop('blocks.1.norm2.weight'),
    lambda weights: weights.update({'blocks.9.norm1.bias': torch.zeros(1)}),
    lambda weights: weights.update({'norm.bias': torch.zeros(3)}),
], ids=['missing', 'unknown', 'shape'])
def test_weights_of_another_network_are_refused(spoil, tmp_path):
    weights = official_weights()
    spoil(weights)
    path = tmp_path / 'other.pth'
    torch.save(weights, path)
    with pytest.raises(ValueError, match='does not fit the DINOv2 of model'):
        pretrained(str(path))


def test_register_tokens_are_refused():
    weights = dict(official_weights(), register_tokens=torch.zeros(1, 4, DIMS))
    with pytest.raises(ValueError, match='without "_reg4" in its name'):
        dinov2_weights(weights)


def test_unknown_arch_is_refused():
    with pytest.raises(ValueError, match="expected one of .'small', 'base'"):
        MODELS.build(dict(type='DINOv2', arch='huge'))


def test_missing_mmpretrain_is_named(monkeypatch):
    for name in [*sys.modules]:
        if name.split('.')[0] == 'mmpretrain':
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, 'mmpretrain', None)
    with pytest.raises(ImportError, match='pip install mmpretrain'):
        MODELS.build(BACKBONE)


@pytest.mark.parametrize('frozen', [False, True])
def test_other_sizes_are_refused_in_training_and_resized_in_tests(frozen):
    model = MODELS.build(dict(BACKBONE, frozen=frozen))
    images = torch.randn(1, 3, 32, 50)
    with pytest.raises(ValueError, match=r'32 x 50 px.*to \(28, 56\), for'):
        model.train()(images)
    model.eval()
    nearest = torch.nn.functional.interpolate(
        images, (28, 56), mode='bilinear', align_corners=True)
    for level, wanted in zip(model(images), model(nearest)):
        assert torch.equal(level, wanted)
    # one patch is the least
    assert model(images[..., :5, :5])[0].shape == (1, DIMS, 1, 1)


def segmentor(head, **backbone):
    return MODELS.build(
        dict(
            type='EncoderDecoder',
            backbone=dict(BACKBONE, **backbone),
            decode_head=head,
            test_cfg=dict(mode='whole')))


@pytest.mark.parametrize('head', [DPT_HEAD, LINEAR_HEAD],
                         ids=['dpt', 'linear'])
def test_scores_have_the_size_of_any_image(head):
    model = segmentor(head).eval()
    images = torch.randn(1, 3, 33, 61)
    scores = model.encode_decode(images, [dict(img_shape=(33, 61))])
    assert scores.shape == (1, 3, 33, 61)


def test_frozen_network_stays_as_it_is():
    torch.manual_seed(0)
    model = segmentor(DPT_HEAD, frozen=True, drop_path_rate=0.9)
    model.init_weights()
    model.train()
    assert model.training and not any(
        module.training for module in model.backbone.vit.modules())
    images = torch.randn(1, 3, 28, 28)
    # no stochastic depth
    assert torch.equal(model.backbone(images)[-1], model.backbone(images)[-1])
    assert not model.backbone(images)[-1].requires_grad
    encoder_features(model, images).sum().backward()
    assert all(p.grad is None for p in model.backbone.parameters())
    assert all(p.grad.any() for p in model.decode_head.project.parameters())
    assert model.train(False).backbone.training is False
    # gradients reach the images as through any network
    images.requires_grad_()
    encoder_features(model, images).sum().backward()
    assert images.grad.any()


@pytest.mark.parametrize('arch, millions, heads, levels', [
    ('small', 22.06, 6, [2, 5, 8, 11]),
    ('base', 86.58, 12, [2, 5, 8, 11]),
    ('large', 304.37, 16, [4, 11, 17, 23]),
    ('giant', 1136.48, 24, [9, 19, 29, 39]),
])
def test_networks_are_the_published_ones(arch, millions, heads, levels):
    with torch.device('meta'):
        model = MODELS.build(dict(type='DINOv2', arch=arch))
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.01)
    assert model.vit.layers[0].attn.num_heads == heads
    assert list(model.vit.out_indices) == levels


def test_mixed_precision_is_near(checkpoint):
    model = pretrained(checkpoint)
    images = torch.randn(1, 3, 28, 28)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        halved = model(images)
    for level, wanted in zip(halved, model(images)):
        assert level.dtype == torch.float32
        assert (level - wanted).abs().mean() < 0.1 * wanted.abs().mean()


def test_trained_network_gets_gradients_everywhere(checkpoint):
    model = pretrained(checkpoint).train()
    sum(level.square().sum() for level in model(torch.randn(1, 3, 28, 28))
        ).backward()
    assert all(parameter.grad.any() for parameter in model.parameters())


def test_optimizer_has_two_rates():
    config = load_config('unimatch_v2/dpt_dinov2-s_voc_1-8.py')
    model = segmentor(DPT_HEAD)
    groups = build_optim_wrapper(
        model, config.optim_wrapper).optimizer.param_groups
    rate = {
        id(parameter): group['lr']
        for group in groups for parameter in group['params']
    }
    assert {rate[id(p)] for p in model.backbone.parameters()} == {5e-6}
    assert {rate[id(p)] for p in model.decode_head.parameters()} == {2e-4}
    assert {group['weight_decay'] for group in groups} == {0.01}
    assert {group['betas'] for group in groups} == {(0.9, 0.999)}
