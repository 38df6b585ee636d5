"""Tests of ``mmseg_dcc/apis/supervised_twin.py``."""
import pytest
from mmengine.hooks import EMAHook
from mmseg.registry import DATASETS, HOOKS

from mmseg_dcc.apis.supervised_twin import (
    half_labels_config,
    supervised_twin,
)
from mmseg_dcc.engine.hooks import MeanTeacherHook
from tests.project_configs import load_config

DEMO = 'demo/deeplabv3plus_small_demo_{}.py'


@pytest.mark.parametrize('method', ['dcc', 'fixmatch', 'advsemiseg'])
def test_twin_is_the_config_of_supervised_training(method):
    twin = supervised_twin(load_config(DEMO.format(method)))
    expected = load_config(DEMO.format('supervised'))
    expected.model.pop('_scope_')
    for key in ('model', 'train_dataloader', 'optim_wrapper',
                'param_scheduler', 'train_cfg', 'val_dataloader'):
        found, wanted = (dict(config[key]) if isinstance(config[key], dict)
                         else config[key] for config in (twin, expected))
        if key == 'train_dataloader':
            found['dataset'] = dict(found['dataset'])
            found['dataset'].pop('ignore_keys')
        if key == 'optim_wrapper':
            found.pop('base_constructor', None)
        assert found == wanted, key
    assert [hook.type for hook in twin.custom_hooks
            ] == ['EMAHook'] * (method == 'fixmatch')


@pytest.mark.parametrize('settings', [
    dict(),
    dict(momentum=0.003),
    dict(ema_type='MomentumAnnealingEMA', momentum=0.01, gamma=1),
])
def test_mean_teacher_becomes_the_same_average(settings):
    config = load_config(DEMO.format('dcc'))
    config.custom_hooks = [dict(type='MeanTeacherHook', **settings)]
    hook, = (HOOKS.build(hook)
             for hook in supervised_twin(config).custom_hooks)
    teacher = MeanTeacherHook(**settings)
    assert type(hook) is EMAHook
    assert hook.ema_cfg == teacher.ema_cfg


def test_initial_weights_stay():
    name = 'dcc/pspnet_r50_voc_1-8.py'
    assert supervised_twin(
        load_config(name)).model.pretrained == 'torchvision://resnet50'
    config = load_config('custom/own_data.py')
    assert supervised_twin(
        config).model.backbone.init_cfg == config.model.backbone.init_cfg


def test_several_labeled_sets_and_other_hooks_stay():
    config = load_config('custom/own_data_self_training.py')
    config.custom_hooks.append(dict(type='NonFiniteHook'))
    twin = supervised_twin(config)
    loader = twin.train_dataloader
    assert loader.dataset.datasets == config.train_dataloader.dataset.datasets[
        :2]
    assert loader.batch_sampler.source_ratio == [1, 1]
    assert loader.batch_size == config.train_dataloader.batch_size // 3 * 2
    assert [hook.type for hook in twin.custom_hooks] == [
        'EMAHook', 'NonFiniteHook'
    ]
    # the one that was given stays
    assert len(config.train_dataloader.dataset.datasets) == 3


@pytest.mark.slow
def test_half_of_each_set_inside_of_its_wrappers(in_data_dir):
    config = load_config(DEMO.format('dcc'))
    labeled, unlabeled = config.train_dataloader.dataset.datasets
    twin = supervised_twin(config)
    twin.train_dataloader.dataset.datasets = [
        dict(labeled),
        dict(type='RepeatDataset', times=3, dataset=dict(labeled)),
        dict(type='PartOfDataset', part='train', val_share=0.25,
             dataset=dict(labeled)),
    ]
    half = half_labels_config(twin)
    sources = half.train_dataloader.dataset.datasets
    # of 4 images
    assert [len(DATASETS.build(source)) for source in sources] == [2, 6, 1]
    names = [{
        DATASETS.build(sources[0]).get_data_info(i)['img_path']
        for i in range(2)
    } for _ in range(2)]
    assert names[0] == names[1]
    whole = twin.train_dataloader.dataset.datasets
    assert [source.type for source in whole
            ] == [labeled.type, 'RepeatDataset', 'PartOfDataset']
