"""Stock configs of mmseg, one of each family, trained by DCC for two steps.

Writes docs/backbones.md:
``MMCV_FULL_SITE=folder_of_the_full_mmcv python -m tests.backbones``
(and ``MMPRETRAIN_SITE=folder`` where requirements/mmpretrain.txt is not
installed).
"""
import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, NamedTuple

import pytest
import torch
from mmengine.config import Config
from mmengine.model import revert_sync_batchnorm
from mmengine.optim import OptimWrapper
from mmengine.registry import init_default_scope
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from mmseg_dcc.models.head_features import encoder_features
from mmseg_dcc.models.pool_to_stride import (
    compared_distance,
    pool_to_stride,
)

from .tiny_models import losses_of, unlabeled_sample
from .torchvision_operators import make_importable

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / 'docs/backbones.md'


class Family(NamedTuple):
    """A stock config and how it differs in the test."""

    config: str
    needs: str = ''
    setting: str = ''  # what the user has to set beside the fragment
    side: int = 32
    overrides: Dict = {}


CITY = '80k_cityscapes-512x1024.py'
CITY_40K = '40k_cityscapes-512x1024.py'
VIT_UPERNET = 'vit/vit_deit-s16-ln_mln_upernet_8xb2-160k_ade20k-512x512.py'
MMPRETRAIN_VIT = dict(
    type='mmpretrain.VisionTransformer',
    arch='deit-small',
    patch_size=16,
    out_type='featmap',
    out_indices=(2, 5, 8, 11))
FIXED_SIZE = '`crop_size={}` everywhere, or `backbone.img_size`'
# Fewer layers of the same kind tell the same.
RESNET18 = {
    'backbone.depth': 18,
    'decode_head.in_channels': 512,
    'auxiliary_head.in_channels': 256
}
VIT_4_LAYERS = {
    'backbone.num_layers': 4,
    'backbone.out_indices': (0, 1, 2, 3)
}
NARROW = {'decode_head.channels': 64, 'auxiliary_head.channels': 64}
FAMILIES = {
    'ANN': Family(f'ann/ann_r50-d8_4xb2-{CITY_40K}', overrides=NARROW),
    'APCNet': Family(
        f'apcnet/apcnet_r50-d8_4xb2-{CITY_40K}', overrides=RESNET18),
    'BEiT': Family(
        'beit/beit-base_upernet_8xb2-160k_ade20k-640x640.py',
        setting=FIXED_SIZE.format((640, 640)),
        overrides={**VIT_4_LAYERS, **NARROW, 'backbone.img_size': 32}),
    'BiSeNetV1': Family(
        'bisenetv1/bisenetv1_r18-d32_4xb4-160k_cityscapes-1024x1024.py'),
    'BiSeNetV2': Family(
        'bisenetv2/bisenetv2_fcn_4xb4-160k_cityscapes-1024x1024.py'),
    'CCNet': Family(
        f'ccnet/ccnet_r50-d8_4xb2-{CITY_40K}',
        'full mmcv',
        overrides=RESNET18),
    'CGNet': Family('cgnet/cgnet_fcn_4xb4-60k_cityscapes-680x680.py'),
    'ConvNeXt, UPerNet': Family(
        'convnext/convnext-tiny_upernet_8xb2-amp-160k_ade20k-512x512.py',
        'mmpretrain',
        overrides=NARROW),
    'DANet': Family(
        f'danet/danet_r50-d8_4xb2-{CITY_40K}', overrides=RESNET18),
    'DDRNet': Family(
        'ddrnet/ddrnet_23-slim_in1k-pre_2xb6-120k_cityscapes-1024x1024.py'),
    'DeepLabv3': Family(f'deeplabv3/deeplabv3_r18-d8_4xb2-{CITY}'),
    'DeepLabv3, output stride 16': Family(
        f'deeplabv3/deeplabv3_r101-d16-mg124_4xb2-{CITY_40K}',
        overrides={**NARROW, 'backbone.depth': 50}),
    'DeepLabv3+': Family(f'deeplabv3plus/deeplabv3plus_r18-d8_4xb2-{CITY}'),
    'DMNet': Family(
        f'dmnet/dmnet_r50-d8_4xb2-{CITY_40K}', overrides=RESNET18),
    'DNLNet': Family(
        f'dnlnet/dnl_r50-d8_4xb2-{CITY_40K}', overrides=RESNET18),
    'DPT': Family(
        'dpt/dpt_vit-b16_8xb2-160k_ade20k-512x512.py',
        overrides=VIT_4_LAYERS),
    'EMANet': Family(
        f'emanet/emanet_r50-d8_4xb2-{CITY}', overrides=RESNET18),
    'EncNet': Family(
        f'encnet/encnet_r50-d8_4xb2-{CITY_40K}', overrides=NARROW),
    'ERFNet': Family('erfnet/erfnet_fcn_4xb4-160k_cityscapes-512x1024.py'),
    'FastFCN': Family(
        f'fastfcn/fastfcn_r50-d32_jpu_psp_4xb2-{CITY}', overrides=NARROW),
    'Fast-SCNN': Family(
        'fastscnn/fast_scnn_8xb4-160k_cityscapes-512x1024.py'),
    'FCN': Family(f'fcn/fcn_r18-d8_4xb2-{CITY}'),
    'GCNet': Family(
        f'gcnet/gcnet_r50-d8_4xb2-{CITY_40K}', overrides=RESNET18),
    'HRNet': Family('hrnet/fcn_hr18s_4xb2-160k_cityscapes-512x1024.py'),
    'HRNet, OCR': Family(
        'ocrnet/ocrnet_hr18s_4xb2-160k_cityscapes-512x1024.py'),
    'ICNet': Family('icnet/icnet_r18-d8_4xb2-80k_cityscapes-832x832.py'),
    'ISANet': Family(
        f'isanet/isanet_r50-d8_4xb2-{CITY_40K}', overrides=RESNET18),
    'K-Net': Family(
        'knet/knet-s3_r50-d8_fcn_8xb2-adamw-80k_ade20k-512x512.py'),
    'MAE': Family(
        'mae/mae-base_upernet_8xb2-amp-160k_ade20k-512x512.py',
        setting=FIXED_SIZE.format((512, 512)),
        overrides={**VIT_4_LAYERS, **NARROW, 'backbone.img_size': 32}),
    'MobileNetV2': Family(
        f'mobilenet_v2/mobilenet-v2-d8_deeplabv3plus_4xb2-{CITY}'),
    'MobileNetV3': Family(
        'mobilenet_v3/mobilenet-v3-d8-s_lraspp_4xb4-320k_cityscapes-512x1024'
        '.py',
        setting='`crop_size` of 392 px or more: the head pools 49 x 49',
        side=392),
    'Non-local': Family(
        f'nonlocal_net/nonlocal_r50-d8_4xb2-{CITY_40K}', overrides=RESNET18),
    'PIDNet': Family('pidnet/pidnet-s_2xb6-120k_1024x1024-cityscapes.py'),
    'PointRend': Family(
        f'point_rend/pointrend_r50_4xb2-{CITY}', 'full mmcv'),
    'PoolFormer, FPN': Family(
        'poolformer/fpn_poolformer_s12_8xb4-40k_ade20k-512x512.py',
        'mmpretrain'),
    'PSANet': Family(
        f'psanet/psanet_r50-d8_4xb2-{CITY_40K}',
        'full mmcv',
        overrides=RESNET18),
    'PSPNet': Family(f'pspnet/pspnet_r18-d8_4xb2-{CITY}'),
    'ResNeSt': Family(
        'resnest/resnest_s101-d8_fcn_4xb2-80k_cityscapes-512x1024.py',
        overrides={'backbone.depth': 50}),
    'SegFormer': Family(
        'segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py'),
    'Segmenter, FCN head': Family(
        'segmenter/segmenter_vit-s_fcn_8xb1-160k_ade20k-512x512.py'),
    'SegNeXt': Family(
        'segnext/segnext_mscan-t_1xb16-adamw-160k_ade20k-512x512.py'),
    'Semantic FPN': Family(f'sem_fpn/fpn_r50_4xb2-{CITY}'),
    'SETR naive': Family(
        'setr/setr_vit-l_naive_8xb1-80k_cityscapes-768x768.py',
        overrides=VIT_4_LAYERS),
    'SETR PUP': Family(
        'setr/setr_vit-l_pup_8xb1-80k_cityscapes-768x768.py',
        overrides=VIT_4_LAYERS),
    'SETR MLA': Family(
        'setr/setr_vit-l_mla_8xb1-80k_cityscapes-768x768.py',
        overrides=VIT_4_LAYERS),
    'STDC': Family(f'stdc/stdc1_4xb12-{CITY}'),
    'Swin, UPerNet': Family(
        'swin/swin-tiny-patch4-window7-in1k-pre_upernet_8xb2-160k_ade20k-512x'
        '512.py',
        overrides=NARROW),
    'Twins': Family(
        'twins/twins_pcpvt-s_fpn_fpnhead_8xb4-80k_ade20k-512x512.py'),
    'UNet': Family('unet/unet-s5-d16_fcn_4xb4-160k_cityscapes-512x1024.py'),
    'UPerNet': Family(
        f'upernet/upernet_r18_4xb2-{CITY}', overrides=NARROW),
    'ViT, UPerNet': Family(VIT_UPERNET, overrides={**VIT_4_LAYERS, **NARROW}),
    'ViT of mmpretrain, UPerNet': Family(
        VIT_UPERNET,
        'mmpretrain',
        setting=f'`pretrained=None`, `backbone=dict(**{MMPRETRAIN_VIT}, '
        '_delete_=True)`',
        overrides={
            **NARROW,
            'pretrained': None,
            'backbone': dict(MMPRETRAIN_VIT, img_size=32, _delete_=True)
        }),
}
REFUSED = {
    'Mask2Former': Family(
        'mask2former/mask2former_r50_8xb2-160k_ade20k-512x512.py'),
    'MaskFormer': Family(
        'maskformer/maskformer_r50-d32_8xb2-160k_ade20k-512x512.py'),
    'SAN': Family('san/san-vit-b16_coco-stuff164k-640x640.py'),
    'Segmenter': Family(
        'segmenter/segmenter_vit-s_mask_8xb1-160k_ade20k-512x512.py'),
    'VPD (depth)': Family(
        'vpd/vpd_sd_4xb8-25k_nyu-512x512.py',
        # its own needs packages beyond those of mmseg
        overrides={
            'backbone': dict(type='ResNet', depth=18, _delete_=True)
        }),
}

TEXT = """# Backbones and heads

One stock config of each family of mmsegmentation 1.2.2, turned into a DCC
config by merging `configs/_base_/methods/dcc.py` as in
`configs/dcc/stock_*.py`, with pseudo labels beside. The page is written by
`python -m tests.backbones` and checked by `tests/test_backbones.py`: on a CPU,
with random weights, each model takes a supervised step and one with the terms
`DirectionalContrast` and `PseudoLabels` (2 + 2 crops, mostly of 32 px). Each
term alone gives a gradient to the first convolution of the backbone, all
weights stay finite, the model predicts, and the weights have the names of
the stock model. Some networks are shallower or narrower there than in the
stock config (`overrides` in `tests/backbones.py`).

*Features* is the stride of the features that enter the classifier, *compared*
the stride of the positions in the DC loss. The feature stride is inferred:
finer features than `model.stride=8` are average-pooled, coarser ones are
compared as they are. Only `PairedRandomCrop.stride` must be a multiple of it;
if it is not, an error names the value.

{}

mmpretrain: `pip install mmpretrain torchvision` for your torch, and
`'mmpretrain.models'` in `custom_imports.imports` beside `'mmseg_dcc'`. Full
mmcv: the compiled operators instead of mmcv-lite. K-Net and PointRend refine
what another head predicts for every pixel; the terms use that head.

## Not supported

Heads that classify masks, queries or prompts (or predict depth) have no
classified feature for each pixel. `DCCSegmentor` raises an error with their
name when it is built.

{}
"""
COLUMNS = ('family', 'stock config', 'needs', 'head', 'features', 'compared',
           'to set beside the fragment')
REFUSED_COLUMNS = ('family', 'stock config', 'error')


def has_mmpretrain() -> bool:
    """Whether it is installed, or in the folder MMPRETRAIN_SITE."""
    return 'MMPRETRAIN_SITE' in os.environ or find_spec('mmpretrain')


def import_mmpretrain():
    """Also with a torchvision whose compiled part is not for this torch."""
    make_importable()
    import mmpretrain.models  # noqa: F401


def load(family):
    """The stock model and that with the fragment merged, as configs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'config.py'
        path.write_text(f"""
_base_ = ['mmseg::{family.config}', '{ROOT}/configs/_base_/methods/dcc.py']
stock = _base_.model
model = _base_.dcc_model
""")
        # mmdet, which Mask2Former imports, is not installed
        config = Config.fromfile(path, import_custom_modules=False)
    for model in ('stock', 'model'):
        config.merge_from_dict({
            f'{model}.{key}': value
            for key, value in family.overrides.items()
        })
    model = config.model
    model.data_preprocessor.size = (family.side, family.side)
    model.memory_bank.negatives_per_crop = 16
    # an untrained network is not confident of anything
    model.loss_dc.confidence_threshold = 0.
    model.terms = dict(
        pseudo=dict(
            type='PseudoLabels', label_view='a', train_views=('b', ),
            teacher=False, threshold=0., mix='cutmix'))
    return config.stock, model


def make_batch(num_classes, side, stride):
    samples = []
    for _ in range(2):
        sample = SegDataSample(
            metainfo=dict.fromkeys(('img_shape', 'ori_shape', 'pad_shape'),
                                   (side, side)))
        sample.gt_sem_seg = PixelData(
            data=torch.randint(num_classes, (1, side, side)))
        # for PIDNet, whose labeled pipeline draws it from the mask
        sample.gt_edge_map = PixelData(data=torch.randint(2, (1, side, side)))
        samples.append(sample)
    samples += 2 * [
        unlabeled_sample(
            corners=((0, stride), (stride, 0)),
            valid_boxes=((0, 0, side, side), ) * 2,
            flips=('horizontal', None),
            side=side)
    ]
    shapes = [(3, side, side)] * 2 + [(2, 3, side, side)] * 2
    return dict(
        inputs=[
            torch.randint(256, shape, dtype=torch.uint8) for shape in shapes
        ],
        data_samples=samples)


def trained_row(name):
    """Two training steps and a prediction; the row of the table."""
    family = FAMILIES[name]
    if family.needs == 'mmpretrain':
        import_mmpretrain()
    torch.manual_seed(0)
    stock, config = load(family)
    model = revert_sync_batchnorm(MODELS.build(config)).train()
    optimizer = OptimWrapper(torch.optim.SGD(model.parameters(), lr=1e-6))
    stride = 8

    def batch():
        return make_batch(model.num_classes, family.side, stride)

    setting = family.setting
    distance = compared_distance(model, (family.side, ) * 2, stride)
    if stride % distance:
        stride, setting = distance, f'`PairedRandomCrop.stride={distance}`'
    model.unsup_enabled = False
    assert model.train_step(batch(), optimizer)['unsup_loss_dc'] == 0
    model.unsup_enabled = True
    losses = losses_of(model, batch())
    assert losses['unsup_loss_dc'] > 0
    convolution = next(
        module.weight for module in model.backbone.modules()
        if isinstance(module, nn.Conv2d) and module.weight.requires_grad)
    for term in ('dc', 'pseudo'):
        loss = losses[f'unsup_loss_{term}']
        gradient, = torch.autograd.grad(loss, convolution, retain_graph=True)
        assert loss > 0 and gradient.any()
    # of pseudo labels the classifier learns, too
    gradient, = torch.autograd.grad(
        loss, model.pixel_head.conv_seg.weight, retain_graph=True)
    assert gradient.any()
    optimizer.update_params(model.parse_losses(losses)[0])
    assert all(weight.isfinite().all() for weight in model.parameters())

    data = batch()
    result, = model.eval().test_step(
        {key: value[:1]
         for key, value in data.items()})
    assert result.pred_sem_seg.shape == (family.side, family.side)
    assert set(MODELS.build(stock).state_dict()) == {
        key
        for key in model.state_dict()
        if not key.startswith('terms.')
    }
    size = (family.side, family.side)
    with torch.no_grad():
        features = encoder_features(model, torch.zeros(1, 3, *size))
    distances = [
        f'{family.side / maps.size(-1):g} px'
        for maps in (features, pool_to_stride(features, size, 8))
    ]
    return row(name, family.config, family.needs,
               type(model.pixel_head).__name__, *distances, setting)


def refused_row(name):
    """The error of a family that cannot take part, as a row."""
    family = REFUSED[name]
    with pytest.raises(TypeError, match='is refused: terms need') as error:
        MODELS.build(load(family)[1])
    return row(name, family.config, str(error.value).split(':')[0])


def row(name, config, *cells):
    return '| ' + ' | '.join((name, f'`{config}`', *cells)) + ' |'


def render(rows):
    """The page, from the rows of all families in any order."""
    by_name = {line.split(' | ')[0][2:]: line for line in rows}
    tables = [
        '\n'.join(['| ' + ' | '.join(columns) + ' |', '|---' * len(columns) +
                   '|', *(by_name[name] for name in families)])
        for columns, families in ((COLUMNS, FAMILIES), (REFUSED_COLUMNS,
                                                        REFUSED))
    ]
    return TEXT.format(*tables)


def rows_with_full_mmcv():
    """The families that need compiled operators, in another process."""
    site = os.environ['MMCV_FULL_SITE']
    names = [name for name, f in FAMILIES.items() if f.needs == 'full mmcv']
    out = subprocess.run(
        [sys.executable, '-m', 'tests.backbones', *names],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': f'{site}{os.pathsep}{ROOT}'},
        text=True,
        stdout=subprocess.PIPE,
        check=True).stdout
    return [line for line in out.splitlines() if line.startswith('| ')]


def main():
    """Prints the rows of the families named; of all, writes the page."""
    init_default_scope('mmseg')
    for name in sys.argv[1:]:
        print(trained_row(name))
    if len(sys.argv) == 1:
        rows = rows_with_full_mmcv()
        for name, family in FAMILIES.items():
            if family.needs != 'full mmcv':
                rows.append(trained_row(name))
                print(rows[-1])
        PAGE.write_text(render(rows + [refused_row(n) for n in REFUSED]))


if __name__ == '__main__':
    main()
