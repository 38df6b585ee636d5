"""Trainings of every method of configs/_base_/methods with every network.

``python -m tests.methods_models`` writes docs/methods_models.md. Fragments
are found automatically; a new one needs at most an entry in ``OVERRIDES``
(settings for a tiny training) or ``REFUSED``.
"""
import functools
import math
from pathlib import Path
from typing import Dict, NamedTuple

from mmengine.config import Config, ConfigDict
from mmengine.hooks import Hook
from mmseg.registry import MODELS

from .backbones import import_mmpretrain
from .project_configs import CONFIGS, load_config
from .tiny_dinov2 import BACKBONE as DINOV2
from .tiny_dinov2 import DPT_HEAD
from .tiny_models import ASPP_HEAD, BACKBONE, PSP_HEAD
from .tiny_training import run

PAGE = Path(__file__).resolve().parents[1] / 'docs/methods_models.md'
METHODS = sorted(path.stem
                 for path in (CONFIGS / '_base_/methods').glob('*.py'))


class Network(NamedTuple):
    """Tiny network of one kind."""

    model: Dict
    needs: str = ''
    side: int = 32  # of the crops
    stride: int = 8  # of two crops that overlap


PYRAMID = dict(in_channels=[8, 16, 32, 64], in_index=[0, 1, 2, 3])
BN = dict(type='BN')
UPER_HEAD = dict(
    PYRAMID,
    type='UPerHead',
    channels=8,
    pool_scales=(1, 2),
    dropout_ratio=0.1,
    norm_cfg=BN,
    align_corners=False)
OF_HRNET = dict(
    in_channels=[4, 8, 8, 8],
    in_index=[0, 1, 2, 3],
    input_transform='resize_concat',
    num_classes=21,
    dropout_ratio=0.1,
    norm_cfg=BN,
    align_corners=False)


def branches(count, block, blocks, channels):
    return dict(
        num_modules=1,
        num_branches=count,
        block=block,
        num_blocks=(blocks, ) * count,
        num_channels=channels)


NETWORKS = {
    'PSPNet': Network(dict(backbone=BACKBONE, decode_head=PSP_HEAD)),
    'DeepLabv3+': Network(dict(backbone=BACKBONE, decode_head=ASPP_HEAD)),
    'SegFormer': Network(
        dict(
            backbone=dict(
                type='MixVisionTransformer',
                embed_dims=8,
                num_layers=[1, 1, 1, 1],
                num_heads=[1, 2, 4, 8],
                mlp_ratio=2),
            decode_head=dict(
                PYRAMID,
                type='SegformerHead',
                channels=8,
                dropout_ratio=0.1,
                norm_cfg=BN,
                align_corners=False))),
    'Swin, UPerNet': Network(
        dict(
            backbone=dict(
                type='SwinTransformer',
                embed_dims=8,
                depths=(1, 1, 1, 1),
                num_heads=(1, 2, 4, 8),
                window_size=4,
                mlp_ratio=2),
            decode_head=UPER_HEAD)),
    'ConvNeXt, UPerNet': Network(
        dict(
            backbone=dict(
                type='mmpretrain.ConvNeXt',
                arch=dict(depths=[1, 1, 1, 1], channels=[8, 16, 32, 64]),
                out_indices=[0, 1, 2, 3],
                gap_before_final_norm=False),
            decode_head=UPER_HEAD),
        needs='mmpretrain'),
    'HRNet, OCR (cascade)': Network(
        dict(
            num_stages=2,
            backbone=dict(
                type='HRNet',
                norm_cfg=BN,
                extra=dict(
                    stage1=branches(1, 'BOTTLENECK', 1, (4, )),
                    stage2=branches(2, 'BASIC', 1, (4, 8)),
                    stage3=branches(3, 'BASIC', 1, (4, 8, 8)),
                    stage4=branches(4, 'BASIC', 1, (4, 8, 8, 8)))),
            decode_head=[
                dict(OF_HRNET, type='FCNHead', channels=12, num_convs=1),
                dict(OF_HRNET, type='OCRHead', channels=8, ocr_channels=4),
            ])),
    'DINOv2, DPT': Network(
        dict(backbone=DINOV2, decode_head=DPT_HEAD),
        needs='mmpretrain',
        side=42,  # an odd grid of 3 x 3
        stride=14),
    'DINOv2 frozen, DPT': Network(
        dict(backbone=dict(DINOV2, frozen=True), decode_head=DPT_HEAD),
        needs='mmpretrain',
        side=42,  # an odd grid of 3 x 3
        stride=14),
}
# (method, network): start of the expected error.
REFUSED: Dict[tuple, str] = {}
# Further settings that make a method small and active in its first step.
OVERRIDES: Dict[str, dict] = {
    'advsemiseg': {
        'terms.adversarial.discriminator.channels': (4, 4, 4, 4)
    },
    'gct': {
        'terms.gct.detector.channels': (4, 4, 4),
        'terms.gct.detector.strides': (2, 1, 1)
    },
}
# Settings in the terms of all methods, besides those that end in "threshold"
# or "_iters": an untrained network is not confident.
EAGER = {'negatives_per_crop': 16, 'rows': 16}


def eager(part):
    """Config of terms that are active at once."""
    if isinstance(part, (list, tuple)):
        return type(part)(map(eager, part))
    if not isinstance(part, dict):
        return part
    if set(part) >= {'peak', 'iters'}:  # a ramp, which begins at 0
        return part['peak']
    return {
        key: 0 if key.endswith(('threshold', '_iters')) else EAGER.get(
            key, eager(value))
        for key, value in part.items()
    }


def parts_of(method):
    """Model, pipeline and the rest of a fragment, without its prefix.

    Fragments that extend DCC get the rest from it.
    """
    fragment = load_config(f'_base_/methods/{method}.py')
    parts = {key[len(method) + 1:]: value for key, value in fragment.items()}
    if 'type' in parts['model']:
        return parts
    base = parts_of('dcc')
    merged = Config(dict(model=base['model']))
    merged.merge_from_dict(dict(model=parts['model']))
    hooks = base['hooks'] + parts.get('hooks', [])
    return {**base, **parts, 'model': merged.model, 'hooks': hooks}


def small(step, network):
    """Pipeline step for crops of the size of the network."""
    changes = dict(
        scale=(48, 48),
        crop_size=(network.side, ) * 2,
        stride=network.stride)
    return dict(step, **{k: v for k, v in changes.items() if k in step})


def stock_model(network):
    """Network as a config of mmseg."""
    model = ConfigDict(
        type='CascadeEncoderDecoder'
        if 'num_stages' in network.model else 'EncoderDecoder',
        data_preprocessor=dict(
            type='SegDataPreProcessor',
            mean=[128.] * 3,
            std=[64.] * 3,
            pad_val=0,
            seg_pad_val=255,
            size=(network.side, ) * 2),
        train_cfg={},
        test_cfg=dict(mode='whole'),
        **network.model)
    for head in ([model.decode_head] if isinstance(model.decode_head, dict)
                 else model.decode_head):
        head.num_classes = 21
    return model


@functools.lru_cache(maxsize=None)
def stock_names(name):
    return {*MODELS.build(stock_model(NETWORKS[name])).state_dict()}


def config_of(method, name, folder):
    """Config of a training of two steps; the first is in the warm-up."""
    parts, network = parts_of(method), NETWORKS[name]
    config = Config(dict(model=stock_model(network)))
    config.merge_from_dict(
        dict(model={key: eager(value)
                    for key, value in parts['model'].items()}))
    config.merge_from_dict({
        f'model.{key}': value
        for key, value in OVERRIDES.get(method, {}).items()
    })
    # so that every gradient is one of the terms
    config.model.sup_weight = 0.
    voc = load_config('_base_/datasets/voc.py')
    crop = dict(type='RandomCrop', crop_size=(network.side, ) * 2)
    labeled = dict(
        voc.labeled_dataset,
        serialize_data=False,
        pipeline=[voc.load_image, voc.load_annotations, crop, voc.pack_inputs])
    unlabeled = dict(
        voc.unlabeled_dataset,
        serialize_data=False,
        pipeline=[
            small(step, network) for step in parts['unlabeled_pipeline']
        ])
    if 'weak' in parts['model'].get('terms', {}):
        unlabeled['data_prefix'] = dict(
            img_path='JPEGImages', weak_seg_map_path='SegmentationWeakR50')
    loader = parts['dataloader']
    share = sum(loader.batch_sampler.source_ratio)
    loader = dict(loader, batch_size=2 * share, num_workers=0)
    loader['batch_sampler']['epoch_length'] = 2
    loader['dataset']['datasets'] = [labeled, unlabeled]
    hooks = [
        dict(type=hook.type, warmup_iters=1)
        if hook.type == 'SupervisedWarmupHook' else hook
        for hook in parts['hooks']
    ]
    return Config(
        dict(
            model=config.model,
            train_dataloader=loader,
            train_cfg=dict(type='IterBasedTrainLoop', max_iters=2),
            optim_wrapper=dict(
                dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1e-3)),
                **parts.get('optim_wrapper', {})),
            custom_hooks=hooks,
            default_hooks=dict(checkpoint=None, logger=None, timer=None),
            default_scope='mmseg',
            log_level='ERROR',
            randomness=dict(seed=0),
            work_dir=str(folder),
            # of each name mmengine keeps one for the whole process
            experiment_name=f'{folder}'))


class GradientRecorder(Hook):
    """Hook that records losses and gradients of each step."""

    def __init__(self):
        self.steps = []

    def before_train(self, runner):
        runner.optim_wrapper.zero_grad = lambda: None

    def after_train_iter(self, runner, batch_idx, data_batch=None,
                         outputs=None):
        gradients = {}
        for name, parameter in runner.model.named_parameters():
            gradients[name] = parameter.grad
            parameter.grad = None
        losses = {key: value.item() for key, value in outputs.items()}
        self.steps.append((losses, gradients))


def train(method, name, folder):
    """Trained model and its recorder."""
    if NETWORKS[name].needs:
        import_mmpretrain()
    recorder = GradientRecorder()
    runner = run(config_of(method, name, folder), [recorder])
    return runner.model, recorder.steps


def check(method, name, folder):
    """Checks that exactly the trained parts have gradients."""
    model, (warmup, after) = train(method, name, folder)
    for losses, _ in (warmup, after):
        assert all(math.isfinite(value) for value in losses.values())
    assert all(weight.isfinite().all() for weight in model.parameters())
    assert {
        key
        for key in model.state_dict() if not key.startswith('terms.')
    } == stock_names(name)

    # In the warm-up, labeled images alone, which here count nothing, except
    # for second networks.
    assert not any(gradient.any() for key, gradient in warmup[1].items()
                   if gradient is not None and '.partner.' not in key)
    for term in model.terms:
        assert warmup[0][f'unsup_loss_{term}'] == 0
        assert after[0][f'unsup_loss_{term}'] > 0
    trained = {
        key
        for key, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    # DDP waits for what is not reached
    for _, gradients in (warmup, after):
        assert not [key for key in trained if gradients[key] is None]
    # of what does not learn
    assert not any(after[1][key] is not None
                   for key in after[1] if key not in trained)
    if model._teacher:
        assert not any(parameter.grad is not None
                       for key, parameter in model.teacher.named_parameters()
                       if not key.startswith('terms.'))
    # the terms reach the first weights of the network that learn
    first = [*model.backbone.named_parameters(prefix='backbone')]
    first += [*model.decode_head.named_parameters(prefix='decode_head')]
    learning = [
        key for key, parameter in first
        if parameter.requires_grad and parameter.dim() == 4
        and 'conv_seg' not in key
    ]
    assert after[1][learning[0]].any(), learning[0]


TEXT = """# Methods and networks

Any method trains any network: a term sees the maps that the head reads, and
the input and output of its classifier, whatever network made them. The page
is written by `python -m tests.methods_models` and checked by
`tests/test_methods_models.py`. The test finds the fragments of
`configs/_base_/methods/` by itself and trains each with tiny networks of
these kinds, on a CPU and from scratch, with mmengine's Runner, across the end
of the warm-up (2 + 2 crops of 32 px). The supervised loss has weight 0 there.
So nothing but second networks has a gradient in the warm-up. After it, the
terms give a gradient to the first trainable weights of the network and to
every parameter of their own; frozen weights and the teacher have none; losses
and weights are finite.
Apart from `terms.`, the weights have the names of the stock model.

{}
{}
ConvNeXt and DINOv2 need mmpretrain. [backbones.md](backbones.md) has a network
of each family of mmseg, with DCC and pseudo labels; [dinov2.md](dinov2.md) the
crops and weights that DINOv2 takes.
"""


def render():
    """Text of the page."""
    reasons = [*dict.fromkeys(REFUSED.values())]
    lines = ['| fragment | ' + ' | '.join(NETWORKS) + ' |']
    lines += ['|---' * (len(NETWORKS) + 1) + '|']
    for method in METHODS:
        cells = [
            f'refused: {reasons.index(REFUSED[method, name]) + 1}'
            if (method, name) in REFUSED else 'trains' for name in NETWORKS
        ]
        lines.append(' | '.join([f'| `{method}.py`', *cells]) + ' |')
    refused = ''.join(f'\n{number}. "{reason} ..."'
                      for number, reason in enumerate(reasons, 1))
    return TEXT.format('\n'.join(lines), refused and f'{refused}\n')


if __name__ == '__main__':
    PAGE.write_text(render())
