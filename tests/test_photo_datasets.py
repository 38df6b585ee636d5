"""Tests of the fragments of photographs in training configs."""
import pytest
from mmseg.registry import DATASETS

from .project_configs import load_config


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
