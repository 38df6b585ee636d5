"""Tests that each fragment merges with any stock config."""
import pytest
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmseg.registry import DATASETS, MODELS

from mmseg_dcc.engine.optimizers import CompositeOptimizer

from . import tiny_training
from .project_configs import CONFIGS, load_config
from .sweeps import sweep

FRAGMENTS = sorted(path.stem
                   for path in (CONFIGS / '_base_/methods').glob('*.py'))
ADD_ONS = ('pseudo_labels', 'weak_labels')  # of a DCC model
METHODS = [name for name in FRAGMENTS if name not in ADD_ONS]
TERMS = {
    'advsemiseg': {'adversarial'},
    'cct': {'cct'},
    'classmix': {'pseudo'},
    'cps': {'cps'},
    'cps_cutmix': {'cps'},
    'cutmix_seg': {'consistency'},
    'dcc': {'dc'},
    'dcc_classmix': {'dc', 'pseudo'},
    'dcc_cps': {'dc', 'cps'},
    'dcc_fixmatch': {'dc', 'pseudo'},
    'dcc_mean_teacher': {'dc', 'consistency'},
    'dcc_unimatch_v2': {'dc', 'pseudo'},
    'fixmatch': {'pseudo'},
    'mean_teacher': {'consistency'},
    'fixmatch_v1': {'pseudo'},
    'unimatch_v1': {'pseudo'},
    'u2pl': {'u2pl'},
    'ecs': {'correction'},
    's4gan': {'matching'},
    'gct': {'gct'},
    'unimatch_v2': {'pseudo'},
}
# With an optimizer of their own for a network of their own.
TWO_OPTIMIZERS = ('advsemiseg', 'ecs', 'gct', 's4gan')
# Views that show one window, which another may overlap.
WINDOWS = {
    'advsemiseg': [{'weak'}],
    'cct': [{'weak'}],
    'classmix': [{'weak', 'strong1'}],
    'cps': [{'weak'}],
    'cps_cutmix': [{'weak'}],
    'cutmix_seg': [{'weak', 'strong1'}],
    'dcc': [{'a'}, {'b'}],
    'dcc_classmix': [{'weak', 'strong1'}, {'strong2'}],
    'dcc_cps': [{'a'}, {'b'}],
    'dcc_fixmatch': [{'weak', 'strong1'}, {'strong2'}],
    'dcc_mean_teacher': [{'weak', 'strong1'}, {'strong2'}],
    'dcc_unimatch_v2': [{'weak', 'strong1'}, {'strong2'}],
    'fixmatch': [{'weak', 'strong1'}],
    'mean_teacher': [{'weak', 'strong1'}],
    'fixmatch_v1': [{'weak', 'strong1'}],
    'unimatch_v1': [{'weak', 'strong1', 'strong2'}],
    'u2pl': [{'weak'}],
    'ecs': [{'weak'}],
    'gct': [{'weak'}],
    's4gan': [{'weak'}],
    'unimatch_v2': [{'weak', 'strong1', 'strong2'}],
}
SIDES = {  # of a crop
    'classmix': 321,
    'cutmix_seg': 321,
    'dcc': 320,
    'dcc_classmix': 320
}
STOCK = {
    'pspnet': 'pspnet/pspnet_r50-d8_4xb4-20k_voc12aug-512x512.py',
    'segformer': 'segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py',
}


def merged(folder, method, base, more=''):
    """The lines of the README, with another method or stock config."""
    lines = f"""
_base_ = [{base!r}, '{CONFIGS}/_base_/methods/{method}.py']
custom_imports = dict(imports=['mmseg_dcc'], allow_failed_imports=False)
model = _base_.{method}_model
train_dataloader = dict(_base_.{method}_dataloader, _delete_=True)
train_dataloader['dataset']['datasets'] = [
    _base_.train_dataloader.dataset,
    dict(
        type='UnlabeledDataset',
        data_root='data/photos',
        pipeline=_base_.{method}_unlabeled_pipeline)
]
custom_hooks = _base_.{method}_hooks
"""
    if method in TWO_OPTIMIZERS:
        lines += f'optim_wrapper = _base_.{method}_optim_wrapper\n'
    path = folder / f'{method}.py'
    path.write_text(lines + more)
    return path


@pytest.mark.parametrize('name', FRAGMENTS)
def test_fragment_only_adds_names_of_its_own(name):
    fragment = load_config(f'_base_/methods/{name}.py')
    assert all(key.startswith(f'{name}_') for key in fragment)
    assert f'{name}_model' in fragment
    source = (CONFIGS / f'_base_/methods/{name}.py').read_text()
    # two fragments of one config may not define the same name
    assert '_base_ =' not in source


def test_every_method_is_here():
    assert set(METHODS) == set(TERMS)


@pytest.mark.parametrize('stock', STOCK)
@pytest.mark.parametrize('method', sweep(METHODS, 'dcc', 's4gan'))
def test_merges_with_a_stock_config(method, stock, tmp_path):
    base = f'mmseg::{STOCK[stock]}'
    config = Config.fromfile(merged(tmp_path, method, base))
    before = Config.fromfile(merged(tmp_path, 'dcc', base)).train_dataloader
    config.model.pretrained = None
    config.model.backbone.init_cfg = None
    model = MODELS.build(config.model)
    assert set(model.terms) == TERMS[method]
    assert model.pixel_head.num_classes == (21 if stock == 'pspnet' else 150)
    loader = config.train_dataloader
    assert loader.dataset.datasets[0] == before.dataset.datasets[0]
    assert loader.batch_sampler.type == 'MultiSourceBatchSampler'
    optimizer = build_optim_wrapper(model, config.optim_wrapper).optimizer
    assert type(optimizer).__name__ == (
        'CompositeOptimizer' if method in TWO_OPTIMIZERS else
        'SGD' if stock == 'pspnet' else 'AdamW')
    assert isinstance(optimizer,
                      CompositeOptimizer) == (method in TWO_OPTIMIZERS)


@pytest.mark.parametrize('method', METHODS)
def test_views_are_those_of_the_terms(method, in_data_dir):
    fragment = load_config(f'_base_/methods/{method}.py')
    dataset = DATASETS.build(
        dict(
            type='UnlabeledDataset',
            data_root='data/photos',
            pipeline=fragment[f'{method}_unlabeled_pipeline']))
    sample = dataset[0]
    views = sample['data_samples'].views
    side = SIDES.get(method, 512)
    assert sample['inputs'].shape == (len(views), 3, side, side)
    assert set(views) == set.union(*WINDOWS[method])
    for shared in WINDOWS[method]:
        # with one flip, too
        assert len({views[name] for name in shared}) == 1


# Over the supervised demo, with other sizes as the fragments say.
@pytest.mark.parametrize('method', sweep(METHODS, 'dcc', 'fixmatch'))
def test_trains_on_the_demo(method, in_data_dir, tmp_path):
    steps = ', '.join(
        f'dict(_base_.{method}_{step}, {more})' if more else
        f'_base_.{method}_{step}' for step, more in {
            'load': '',
            'resize': 'scale=(96, 96)',
            'crop': 'crop_size=(64, 64)',
            'views': '',
            'pack': ''
        }.items())
    path = merged(
        tmp_path, method,
        f'{CONFIGS}/demo/deeplabv3plus_small_demo_supervised.py', f"""
train_dataloader['dataset']['datasets'] = [
    _base_.labeled_dataset,
    dict(_base_.unlabeled_dataset, pipeline=[{steps}])]
""")
    # an untrained network is not confident of anything
    eager = {}
    for term in TERMS[method] & {'consistency', 'pseudo'}:
        eager[f'model.terms.{term}.threshold'] = 0.
    if method == 'ecs':
        eager['model.terms.correction.unlabeled_iters'] = 0
    if method == 'gct':
        # crops of 64 px
        eager['model.terms.gct.detector.channels'] = (4, 4, 4)
        eager['model.terms.gct.detector.strides'] = (2, 2, 1)
    if 'dc' in TERMS[method] and method != 'dcc':
        eager['model.terms.dc.start_iters'] = 0
        eager['model.terms.dc.loss.confidence_threshold'] = 0.
    _, steps = tiny_training.train(tmp_path, eager, config=path)
    for term in TERMS[method]:
        losses = [step[f'unsup_loss_{term}'] for step in steps]
        assert losses[0] == 0
        assert all(loss > 0 for loss in losses[1:])
