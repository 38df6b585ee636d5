"""Tests of the fragments of photographs in training configs."""
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS
from mmseg.registry import DATASETS

from .project_configs import CONFIGS, load_config


@pytest.fixture(params=['ccp', 'msrc21'])
def config(request, in_data_dir):
    return load_config(f'_base_/datasets/{request.param}.py')


def test_labeled_crop_and_its_mask(config):
    sample = DATASETS.build(config.labeled_dataset)[0]
    height, width = sample['inputs'].shape[1:]
    assert sample['data_samples'].gt_sem_seg.shape == (height, width)
    # a narrow image is padded with its batch
    assert max(height, width) == config.crop_size[0]


def test_unlabeled_views(config):
    weak_and_strong = dict(
        type='MultiView',
        views=dict(weak=[], strong1=config.strong_augmentation))
    for crop, views, names in (
            (config.paired_crop, config.paired_views, ['a', 'b']),
            (config.shared_crop, weak_and_strong, ['weak', 'strong1'])):
        pipeline = [
            config.load_image, config.random_resize, crop, views,
            config.pack_views
        ]
        sample = DATASETS.build(
            dict(config.unlabeled_dataset, pipeline=pipeline))[0]
        assert [*sample['data_samples'].views] == names
        assert sample['inputs'].shape == (2, 3, *config.crop_size)


def test_validation_fits_the_size_of_training(config):
    part = config.val_dataloader.dataset
    sample = DATASETS.build(part)[0]
    width, height = config.image_size
    inputs = sample['inputs'].shape[1:]
    assert inputs[0] == height or inputs[1] == width
    # compared at the size of the file
    assert sample['data_samples'].gt_sem_seg.shape in ((104, 72), (72, 104))
    views = DATASETS.build(dict(part, pipeline=config.tta_pipeline))[0]
    assert len(views['inputs']) == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    'path', sorted(CONFIGS.glob('*/segformer_lite0_*_1-*')),
    ids=lambda path: path.stem)
def test_unlabeled_photographs_join_a_network_that_has_converged(path):
    config = Config.fromfile(path, import_custom_modules=False)
    baseline = path.stem.split('_')
    ratio = next(index for index, part in enumerate(baseline) if '1-' in part)
    supervised = Config.fromfile(
        path.with_name('_'.join([*baseline[:ratio + 1], 'supervised']) +
                       '.py'), import_custom_modules=False)
    iters = config.train_cfg.max_iters
    assert config.param_scheduler[-1].end == iters
    assert config.train_dataloader.batch_sampler.epoch_length == iters
    hooks = {hook.type: hook for hook in config.custom_hooks}
    assert set(hooks) & {'EMAHook', 'MeanTeacherHook'}
    if 'SupervisedWarmupHook' not in hooks:
        assert iters == supervised.train_cfg.max_iters
        return
    # with running norms the networks of CPS agree on one class
    assert config.model.get('unlabeled_norm_eval', False) == (
        'cps' not in config.model.get('terms', {}))
    warmup = hooks['SupervisedWarmupHook'].warmup_iters
    assert warmup == supervised.train_cfg.max_iters
    # the rate goes on where the supervised schedule ends
    rates = learning_rates(config)
    assert rates[warmup - 1] == pytest.approx(
        config.param_scheduler[1].eta_min, rel=0.01)
    assert rates[warmup] <= rates[warmup - 1] and rates[-1] < 1e-5


def learning_rates(config):
    optimizer = torch.optim.SGD(
        [torch.nn.Parameter(torch.zeros(1))],
        lr=config.optim_wrapper.optimizer.lr)
    schedulers = [
        PARAM_SCHEDULERS.build(dict(scheduler, optimizer=optimizer))
        for scheduler in config.param_scheduler
    ]
    rates = []
    for _ in range(config.train_cfg.max_iters):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return rates


@pytest.mark.parametrize('method, cost, passes', [
    ('classmix', 3333, 7), ('mean_teacher', 3333, 7), ('dcc', 3333, 9),
    ('dcc_classmix', 5333, 13), ('dcc_mean_teacher', 4333, 10)])
def test_methods_of_the_quickstart(method, cost, passes):
    """The methods begin late, on the same 12 masks, with one decay."""
    config, supervised = (
        load_config(f'demo/segformer_lite0_demo_{name}.py')
        for name in (method, 'supervised'))
    assert config.labeled_dataset == supervised.labeled_dataset
    assert config.labeled_dataset.indices == 12
    assert config.model.unlabeled_norm_eval
    iters = config.train_cfg.max_iters
    assert [step.end for step in config.param_scheduler] == [50, iters]
    warmup = config.supervised_warmup.warmup_iters
    assert warmup >= supervised.train_cfg.max_iters
    assert warmup + (iters - warmup) * passes / 3 == pytest.approx(
        cost, rel=1e-3)
