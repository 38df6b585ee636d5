"""Tests of ``class_balanced_dataset.py`` and ``ids_in_masks.py``."""
import copy
import pickle

import mmengine.dataset
import numpy as np
import pytest
from mmengine.config import Config
from mmseg.registry import DATASETS
from PIL import Image

from tests.tiny_training import CONFIG, train

LOAD = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]


@pytest.fixture
def root(tmp_path):
    """Data root in which one image of eight shows id 2."""
    for folder in ('images', 'masks'):
        (tmp_path / folder).mkdir()
    for i in range(8):
        mask = np.full((6, 6), 255, np.uint8)
        mask[0, :2] = 1, 2 if i == 5 else 1
        Image.new('RGB', (6, 6)).save(tmp_path / f'images/{i}.jpg')
        Image.fromarray(mask).save(tmp_path / f'masks/{i}.png')
    return tmp_path


def config(kind, root, **settings):
    return dict(
        type=kind,
        data_root=str(root),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        pipeline=LOAD,
        **settings)


def balanced(dataset):
    return dict(
        type='ClassBalancedDataset', oversample_thr=0.5, dataset=dataset)


@pytest.mark.parametrize('kind, settings', [
    ('FolderSegDataset', {}),
    ('FolderSegDataset', dict(reduce_zero_label=True)),
    ('CamVidDataset', {}),
    ('BaseSegDataset', {}),
    ('BaseSegDataset', dict(reduce_zero_label=True)),
    ('ADE20KDataset', {}),
    ('CityscapesDataset', dict(img_suffix='.jpg', seg_map_suffix='.png')),
])
def test_images_of_rare_classes_are_repeated(kind, settings, root):
    dataset = DATASETS.build(balanced(config(kind, root, **settings)))
    first = 0 if dataset.dataset.reduce_zero_label else 1
    assert dataset.get_cat_ids(0) == [first]
    # ceil(sqrt(0.5 / (1 / 8))) times
    assert list(dataset.repeat_indices).count(5) == 2
    assert len(dataset) == 9
    assert dataset[6]['gt_seg_map'].shape == (6, 6)
    # as workers that are not forked get it
    assert pickle.loads(pickle.dumps(dataset)).get_cat_ids(6) == [first,
                                                                  first + 1]


@pytest.mark.parametrize('wrap, repeated', [
    (lambda part: dict(type='RepeatDataset', times=2, dataset=part), 18),
    (lambda part: dict(
        type='ConcatDataset', datasets=[part, copy.deepcopy(part)]), 18),
    (lambda part: dict(type='PartOfDataset', part='train', dataset=part), 8),
])
def test_around_wrappers(wrap, repeated, root):
    part = config('BaseSegDataset', root)
    assert len(DATASETS.build(balanced(wrap(part)))) == repeated


def test_part_of_a_data_set_has_its_own_numbers(root):
    whole = DATASETS.build(config('FolderSegDataset', root))
    assert whole.get_cat_ids(5) == [1, 2]
    assert whole.get_cat_ids(0) == [1]
    assert whole.get_subset([5]).get_cat_ids(0) == [1, 2]


def test_stock_wrapper_of_ours(root):
    ours = DATASETS.build(config('FolderSegDataset', root))
    assert len(mmengine.dataset.ClassBalancedDataset(ours, 0.5)) == 9


def test_around_unlabeled_images(root):
    with pytest.raises(ValueError, match='images/.*Wrap only the labeled'):
        DATASETS.build(balanced(dict(
            type='UnlabeledDataset', data_root=str(root / 'images'),
            pipeline=LOAD[:1])))


def test_without_masks(root):
    without = dict(config('BaseSegDataset', root),
                   data_prefix=dict(img_path='images'))
    with pytest.raises(ValueError, match='data_prefix.seg_map_path'):
        DATASETS.build(balanced(without))


def test_in_a_semi_supervised_training(in_data_dir, tmp_path):
    whole = Config.fromfile(str(CONFIG)).train_dataloader.dataset.to_dict()
    # every image has every class: each twice
    whole['datasets'][0] = dict(balanced(whole['datasets'][0]),
                                oversample_thr=4.)
    runner, steps = train(tmp_path, options={
        'train_dataloader.dataset': dict(whole, _delete_=True)})
    assert len(steps) == 4
    wrapper = runner.train_dataloader.dataset.datasets[0]
    assert len(wrapper) == 2 * len(wrapper.dataset) == 8
