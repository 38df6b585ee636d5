"""Tests that every config parses and builds a model that takes its data."""
import ast

import modelindex
import pytest
import torch
from mmengine.runner import Runner
from mmseg.registry import DATASETS, MODELS

from .backbones import has_mmpretrain, import_mmpretrain
from .conftest import ROOT
from .project_configs import CONFIGS, load_config
from .sweeps import sweep

LEAVES = sorted(
    str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob('*.py')
    # classifiers are mmpretrain's: see test_end_to_end/test_weak_labels.py
    if '_base_' not in path.parts and not path.stem.startswith('classifier'))
COLLECTIONS = {
    model.config: model.in_collection
    for model in modelindex.load(str(ROOT / 'model-index.yml')).models
}
QUICK = [f'demo/deeplabv3plus_small_demo_{method}.py'
         for method in ('dcc', 'fixmatch', 'supervised')]


def load(name):
    if 'vgg16' in name or 'dinov2' in name:
        if not has_mmpretrain():
            pytest.skip('MMPRETRAIN_SITE: a folder with mmpretrain')
        import_mmpretrain()
    config = load_config(name)
    config.model.pretrained = None
    return config


def find_step(pipeline, *types):
    """The only transform of these types."""
    step, = [step for step in pipeline if step.type in types]
    return step


def unlabeled_parts(config):
    return [
        part for part in config.train_dataloader.dataset.datasets
        if part.type == 'UnlabeledDataset'
    ]


def names_of_views(config):
    part, = unlabeled_parts(config)
    return [*find_step(part.pipeline, 'MultiView').views]


def test_all_promised_configs_are_there():
    ratios = {'voc': ('1-16', '1-8', '1-4', 'full'),
              'cityscapes': ('1-8', '1-4', 'full')}
    for folder in ('dcc', 'supervised'):
        for network, data in (('deeplabv3plus_r50', 'voc'),
                              ('deeplabv3plus_r101', 'voc'),
                              ('pspnet_r50', 'voc'),
                              ('deeplabv3plus_r50', 'cityscapes')):
            for ratio in ratios[data]:
                assert f'{folder}/{network}_{data}_{ratio}.py' in LEAVES
    for part in (*ratios['voc'], '1464_semi', '1464_weak'):
        assert f'cct/pspnet_r50_voc_{part}.py' in LEAVES
    for ratio in ratios['voc']:
        assert f's4gan/deeplabv3plus_r101_voc_{ratio}.py' in LEAVES
        assert f'ecs/deeplabv3plus_r50_voc_{ratio}.py' in LEAVES
        assert f'gct/deeplabv3plus_r101_voc_{ratio}.py' in LEAVES


def changes_by_position(code):
    """Lines that say which step they change by its number, or unpack it."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Subscript) and any(
                isinstance(part, ast.Slice) or
                isinstance(getattr(part, 'value', None), int)
                for part in ast.walk(node.slice)):
            yield node.lineno
        if isinstance(node, ast.Assign) and any(
                isinstance(target, (ast.Tuple, ast.List))
                and not isinstance(node.value, ast.Tuple)
                for target in node.targets):
            yield node.lineno
        if isinstance(node, ast.Attribute) and node.attr in (
                'append', 'extend', 'insert', 'pop', 'remove', 'reverse'):
            yield node.lineno


@pytest.mark.parametrize('code', [
    'pipeline[2].stride = 4', 'tta[-1] = {}', 'steps = _base_.pipeline[1:]',
    'labeled, unlabeled = _base_.datasets', 'tta.insert(1, resize)'
])
def test_changes_by_position_are_found(code):
    assert [*changes_by_position(code)]
    assert not [*changes_by_position("a, b = 1, 2; x['y'] = dict(z=[1])")]


@pytest.mark.parametrize(
    'name', [str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob('*.py')])
def test_nothing_is_changed_by_its_position(name):
    assert not [*changes_by_position((CONFIGS / name).read_text())]


@pytest.mark.parametrize('name', sweep(LEAVES, *QUICK))
def test_model_builds_and_its_terms_get_what_they_need(name):
    config = load(name)
    with torch.device('meta'):
        terms = dict(getattr(MODELS.build(config.model), 'terms', {}))
    hooks = [hook.type for hook in config.get('custom_hooks', [])]
    assert ('SupervisedWarmupHook' in hooks) == bool(terms)
    assert ('MeanTeacherHook' in hooks) == any(
        term.needs_teacher for term in terms.values())
    used = {view for term in terms.values() for view in term.views}
    assert used == set(names_of_views(config) if terms else ())
    for part in config.get('optim_wrapper').get('parts', {}):
        assert part.startswith(tuple(f'terms.{term}.' for term in terms))
    if not name.startswith('custom/'):
        assert (COLLECTIONS[f'configs/{name}'] == 'Supervised baselines') == (
            config.model.type == 'EncoderDecoder')


# Children rely on these names: what the base trains on must be what they say.
@pytest.mark.parametrize('name', sweep(
    (n for n in LEAVES if 'stock' not in n), *QUICK))
def test_named_parts_are_those_of_the_training(name):
    config = load(name)
    datasets = config.train_dataloader.dataset.datasets
    assert config.labeled_dataset == datasets[0]
    assert unlabeled_parts(config) in ([], [config.unlabeled_dataset])
    if 'supervised_warmup' in config:
        assert config.supervised_warmup in config.custom_hooks
    assert config.poly_schedule == config.param_scheduler[-1]


# ResNet-101 has the pipelines of ResNet-50, an ablation those of its base
# (tests/test_ablations.py), but for two.
@pytest.mark.parametrize('name', sweep(
    (n for n in LEAVES if ('r101' not in n or n.startswith('s4gan')) and (
        'ablation' not in n or 'same_crop' in n or 'self_training' in n)),
    *QUICK))
def test_pipelines_run(name, in_data_dir):
    if 'stock' in name:
        # labeled part: VOC's own lists, which the tiny data set lacks
        config = load('dcc/deeplabv3plus_r50_voc_1-8.py')
        stock = load(name).train_dataloader
        stock.dataset.datasets[0] = config.train_dataloader.dataset.datasets[0]
        config.train_dataloader = stock
    else:
        config = load(name)
    loader = config.train_dataloader
    if 'self_training' in name:
        # the masks that the teacher would write
        drawn, predicted = loader.dataset.datasets[:2]
        if 'own_data' in name:
            predicted.data_prefix = drawn.data_prefix
        predicted.data_prefix.seg_map_path = drawn.get('data_prefix', {}).get(
            'seg_map_path', 'SegmentationClass')
    loader.num_workers = 0
    loader.persistent_workers = False
    loader.batch_size = len(loader.dataset.datasets)  # one image of each
    batch = next(iter(Runner.build_dataloader(loader, seed=0)))
    model = config.model
    preprocessor = MODELS.build(model.data_preprocessor)
    data = preprocessor(batch, training=True)
    inputs = data['inputs']
    if unlabeled_parts(config):
        assert ('weak_sem_seg' in data['data_samples']['unsup'][0]) == (
            any(term.type == 'WeakLabels' or term.get('weak_weight')
                for term in model.get('terms', {}).values()))
        labeled, unlabeled = inputs['sup'], inputs['unsup']
        assert len(unlabeled) == 1
        assert len(labeled) == loader.batch_size - 1
        views = names_of_views(config)
        assert unlabeled.shape[1:3] == (len(views), 3)
        assert [*data['data_samples']['unsup'][0].views] == views
        crop = find_step(unlabeled_parts(config)[0].pipeline,
                         'PairedRandomCrop', 'SharedRandomCrop')
        if model.type == 'DCCSegmentor':
            assert crop.get('stride', 8) == model.get('stride', 8)
        assert unlabeled.shape[3:] == tuple(crop.crop_size)
    else:
        labeled = inputs
        assert len(labeled) == loader.batch_size
    assert labeled.shape[2:] == tuple(model.data_preprocessor.size)

    val = DATASETS.build(config.val_dataloader.dataset)[0]
    assert val['data_samples'].gt_sem_seg.data.dim() == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    'name', [
        n for n in LEAVES if ('_voc_' in n or '_cityscapes_' in n)
        # tests/test_ablations.py: these change one of the values
        and not n.startswith(('ablation', 'unimatch_v2'))
    ])
def test_values_of_section_4_1(name):
    config = load(name)
    optimizer = config.optim_wrapper.optimizer
    city = 'cityscapes' in name
    assert optimizer.type == 'SGD'
    assert (optimizer.momentum, optimizer.weight_decay) == (0.9, 1e-4)
    backbone = config.optim_wrapper.paramwise_cfg.custom_keys.backbone
    assert optimizer.lr == (0.1 if city else 0.01)
    assert optimizer.lr * backbone.lr_mult == pytest.approx(
        0.01 if city else 0.001)
    assert config.param_scheduler[0].power == 0.9
    assert config.train_cfg.max_epochs == config.param_scheduler[0].end == 80
    loader = config.train_dataloader
    assert loader.batch_sampler.epoch_length == 1157
    crop = (720, 720) if city else (320, 320)
    assert config.model.data_preprocessor['size'] == crop
    labeled = config.labeled_dataset.pipeline
    # the published code's base_size
    scale = (2048, 1024) if city else (400, 400)
    resize = find_step(labeled, 'RandomResize')
    assert (resize.scale, resize.ratio_range) == (scale, (0.5, 2.0))
    assert find_step(labeled, 'RandomCrop').crop_size == crop
    assert config.model.auxiliary_head is None
    assert config.model.backbone.type == (
        'mmpretrain.VGG' if 'vgg16' in name else 'ResNet')
    assert config.model.test_cfg.mode == 'whole'
    assert not any(t.type == 'Resize'
                   for t in config.val_dataloader.dataset.pipeline)
    gpus = 4 if city else 2
    if name.startswith('supervised'):
        assert loader.batch_size * gpus == 8
        return
    # 8 labeled and 8 unlabeled images, and 8 with pseudo masks if there are
    ratio = loader.batch_sampler.source_ratio
    assert loader.batch_size * gpus == 8 * len(ratio)
    assert set(ratio) == {1}
    if config.model.type != 'DCCSegmentor':
        # another method of Table 1, its own constants and warm-up
        crop_step = find_step(config.unlabeled_dataset.pipeline,
                              'SharedRandomCrop')
        assert crop_step.crop_size == crop
        return
    loss = config.model.loss_dc
    assert (loss.temperature, loss.confidence_threshold,
            loss.loss_weight) == (0.1, 0.75, 0.1)
    assert config.supervised_warmup.warmup_epochs == 5
    pair = config.unlabeled_dataset.pipeline
    resize = find_step(pair, 'RandomResize')
    assert (resize.scale, resize.ratio_range) == (scale, (0.8, 2.0))
    windows = find_step(pair, 'PairedRandomCrop')
    assert (windows.crop_size, windows.iou_range) == (crop, (0.1, 1.0))
    assert config.model.projector.out_channels == 128


@pytest.mark.slow
@pytest.mark.parametrize('name', [n for n in LEAVES if n.startswith('cct/')])
def test_values_of_cross_consistency(name):
    """Values of CCT, with network, images and schedule of DCC."""
    config = load(name)
    twin = load(name.replace('cct/', 'weak/' if '1464' in name else 'dcc/'))
    term = config.model.terms.cct
    assert term.weight == dict(peak=30., iters=8 * 1157)
    assert term.get('weak_weight', 0) == (0.4 if '_weak' in name else 0)
    assert sum(term.decoders.values()) == 30
    assert [hook.warmup_iters for hook in config.custom_hooks] == [0]
    resize = find_step(config.unlabeled_dataset.pipeline, 'RandomResize')
    assert (resize.scale, resize.ratio_range) == ((400, 400), (0.5, 2.0))
    for key in ('backbone', 'decode_head', 'test_cfg'):
        assert config.model[key] == twin.model[key]
    assert config.labeled_dataset == twin.labeled_dataset
    for key in ('ann_file', 'data_prefix'):
        assert config.unlabeled_dataset[key] == twin.unlabeled_dataset[key]
    for key in ('optim_wrapper', 'param_scheduler', 'train_cfg',
                'val_dataloader'):
        assert config[key] == twin[key]


def test_values_of_unimatch_v2():
    config, frozen = (
        load_config(f'unimatch_v2/dpt_dinov2-s_{kind}voc_1-8.py')
        for kind in ('', 'frozen_'))
    for pipeline in (config.labeled_dataset.pipeline,
                     config.unlabeled_dataset.pipeline):
        resize = find_step(pipeline, 'RandomResize')
        assert (resize.scale, resize.ratio_range) == ((500, 500), (0.5, 2.0))
        crop = find_step(pipeline, 'RandomCrop', 'SharedRandomCrop').crop_size
        assert crop == config.model.data_preprocessor['size'] == (518, 518)
    assert config.train_cfg.max_epochs == config.poly_schedule.end == 60
    assert config.train_dataloader.batch_size == 8
    # one pass over the unlabeled images
    assert 'epoch_length' not in config.train_dataloader.batch_sampler
    assert not config.model.backbone.frozen
    assert frozen.model.backbone.pop('frozen')
    config.model.backbone.pop('frozen')
    for key in ('model', 'train_dataloader', 'optim_wrapper', 'custom_hooks'):
        assert config[key] == frozen[key]


@pytest.mark.slow
@pytest.mark.parametrize('name', [n for n in LEAVES if n.startswith('gct/')])
def test_values_of_guided_collaboration(name):
    """Values of GCT, with network, images and schedule of DCC."""
    config, twin = load(name), load(name.replace('gct/', 'dcc/'))
    term = config.model.terms.gct
    assert (term.detector_weight, term.correction_weight,
            term.flaw_threshold) == (10, 1, 0.6)
    assert term.consistency_weight == dict(peak=100., iters=3 * 1157)
    # 1e-4 for each of two GPUs
    assert config.optim_wrapper.parts['terms.gct.detector'] == dict(
        type='Adam', lr=2e-4, betas=(0.9, 0.99))
    assert config.supervised_warmup.warmup_epochs == 0
    crop = find_step(config.unlabeled_dataset.pipeline, 'SharedRandomCrop')
    assert crop.crop_size == config.crop_size
    for key in ('type', 'terms', 'projector', 'loss_dc', 'memory_bank',
                'stride'):
        for model in (config.model, twin.model):
            model.pop(key, None)
    assert config.model == twin.model
    assert config.labeled_dataset == twin.labeled_dataset
    assert config.unlabeled_dataset.ann_file == twin.unlabeled_dataset.ann_file
    for key in ('param_scheduler', 'train_cfg', 'val_dataloader'):
        assert config[key] == twin[key]


# mmseg's own pipelines differ in this
@pytest.mark.parametrize('name', sweep(
    (n for n in LEAVES if 'stock' not in n), *QUICK))
def test_scales_of_tta_are_those_of_the_tested_size(name):
    config = load(name)
    tested = config.test_dataloader.dataset.pipeline
    *before, augmentation = config.tta_pipeline
    assert augmentation.type == 'TestTimeAug'
    assert before == [
        step for step in tested[:-1] if step.type != 'LoadAnnotations'
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    'name',
    [n for n in LEAVES if n.startswith('weak/') and n.endswith('_weak.py')])
def test_weak_labels_are_the_only_difference(name):
    config, twin = load(name), load(name.replace('_weak', '_semi'))
    weak = config.model.pop('terms')
    assert [*weak] == ['weak']
    assert weak.weak.classifier.loss_decode.loss_weight == 0.4
    folder = config.train_dataloader.dataset.datasets[1].data_prefix.pop(
        'weak_seg_map_path')
    assert folder.startswith('SegmentationWeak')
    for key in ('model', 'train_dataloader', 'optim_wrapper',
                'param_scheduler', 'train_cfg', 'custom_hooks'):
        assert config[key] == twin[key]


@pytest.mark.slow
@pytest.mark.parametrize('name', [n for n in LEAVES if n.startswith('dcc/d')])
def test_twins_share_network_and_labels(name):
    config, twin = load(name), load(name.replace('dcc/', 'supervised/'))
    for part in ('backbone', 'decode_head'):
        assert config.model[part] == twin.model[part]
    labeled = [c.train_dataloader.dataset.datasets[0] for c in (config, twin)]
    assert labeled[0] == labeled[1]
    for key in ('optim_wrapper', 'param_scheduler', 'train_cfg',
                'val_dataloader'):
        assert config[key] == twin[key]


@pytest.mark.parametrize('name', [n for n in LEAVES if 'stock' in n])
def test_stock_config_turned_in_under_ten_lines(name):
    text = (CONFIGS / name).read_text()
    statements = compile(text, name, 'exec', 1 << 10).body  # AST only
    assert len(statements) < 10


@pytest.mark.slow
@pytest.mark.parametrize('name', [
    n for n in LEAVES if n.startswith('dcc/') and 'stock' not in n
])
def test_slot_holds_all_positions_of_the_crops_of_one_gpu(name):
    """As in the published configs."""
    config = load(name)
    height, width = config.dcc_crop.crop_size
    stride = config.model.stride
    images = config.train_dataloader.batch_size // 2
    assert config.model.memory_bank.negatives_per_crop == (
        images * (height // stride) * (width // stride))
