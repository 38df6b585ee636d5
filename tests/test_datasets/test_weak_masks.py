"""Tests of weak masks, from the files to the loss."""
import numpy as np
import pytest
from mmengine.dataset import ConcatDataset
from PIL import Image

from mmseg_dcc.datasets import UnlabeledDataset
from mmseg_dcc.datasets.checks import check_weak_masks

FACTOR = 20  # colour of a pixel whose label is 1


def pipeline(resize='Resize', **kwargs):
    return [
        dict(type='LoadImageFromFile'),
        dict(type=resize, interpolation='nearest', **kwargs),
        dict(type='PairedRandomCrop', crop_size=(48, 48)),
        dict(
            type='MultiView',
            views={
                name: dict(
                    window=window,
                    transforms=[dict(type='RandomFlip', prob=0.5)])
                for window, name in enumerate('ab')
            }),
        dict(type='PackViews'),
    ]


def save(values, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


@pytest.fixture
def data(tmp_path):
    """Images that equal their weak masks, not their true ones.

    ``c`` has no weak mask, ``b`` is smaller than the crop.
    """
    rng = np.random.default_rng(0)
    for name, size in (('a.jpg', (40, 50)), ('deep/b.png', (20, 60)),
                       ('c.png', (40, 40))):
        labels = rng.integers(0, 12, size, np.uint8)
        name = name.replace('.jpg', '.png')
        save(labels * FACTOR, tmp_path / 'images' / name)
        save(11 - labels, tmp_path / 'true' / name)
        if name != 'c.png':
            save(labels, tmp_path / 'weak' / name)
    return tmp_path


PREFIX = dict(
    img_path='images', seg_map_path='true', weak_seg_map_path='weak')
DOUBLE = dict(scale_factor=2.)


def dataset(data, prefix=PREFIX, steps=None, **kwargs):
    return UnlabeledDataset(
        data_root=str(data),
        data_prefix=dict(prefix),
        pipeline=steps or pipeline(**DOUBLE),
        **kwargs)


@pytest.mark.parametrize('resize', ['Resize', 'NonEmptyResize'])
@pytest.mark.parametrize('kwargs', [
    DOUBLE, dict(scale=(90, 90), keep_ratio=True), dict(scale=(64, 56))
])
def test_masks_show_what_the_crops_show(data, resize, kwargs):
    steps = pipeline(resize, **kwargs)
    samples = dataset(data, steps=steps)
    flips = set()
    for sample in [samples[i] for i in [0, 2] * 8]:
        weak, true = (
            sample['data_samples'].get(f'{key}_sem_seg').data
            for key in ('weak', 'gt'))
        padding = weak == 255
        shown = sample['inputs'][:, 0]
        np.testing.assert_array_equal(
            shown[~padding], weak[~padding] * FACTOR)
        np.testing.assert_array_equal(true[~padding], 11 - weak[~padding])
        flips.update(
            info.flip for info in sample['data_samples'].views.values())
        assert sample['data_samples'].weak_seg_map_path.endswith(
            ('weak/a.png', 'weak/deep/b.png'))
    assert flips == {None, 'horizontal'}


def test_image_without_a_weak_mask_is_unknown(data):
    sample = dataset(data)[1]['data_samples']
    assert (sample.weak_sem_seg.data == 255).all()
    assert 'weak_seg_map_path' not in sample


def test_crops_are_the_same_without_weak_masks(data):
    plain = dataset(data, dict(img_path='images'))
    for index in range(3):
        crops = []
        for samples in (plain, dataset(data)):
            np.random.seed(index)
            crops.append(samples[index])
        np.testing.assert_array_equal(*(crop['inputs'] for crop in crops))
        assert 'weak_sem_seg' not in crops[0]['data_samples']


def test_labels_of_the_true_masks_alone_are_mapped(data):
    samples = []
    for metainfo in ({}, dict(label_map={1: 0}, reduce_zero_label=False),
                     dict(reduce_zero_label=True)):
        np.random.seed(0)
        samples.append(dataset(data, metainfo=metainfo)[0]['data_samples'])
    for sample in samples[1:]:
        np.testing.assert_array_equal(sample.weak_sem_seg.data,
                                      samples[0].weak_sem_seg.data)
        assert (sample.gt_sem_seg.data != samples[0].gt_sem_seg.data).any()


def test_missing_folder_and_missing_masks(data):
    for folder, message in (('nowhere', 'does not exist'),
                            ('empty', 'None of the 3')):
        (data / 'empty').mkdir(exist_ok=True)
        with pytest.raises(
                FileNotFoundError,
                match=f'{message}.*weak_seg_map_path.*make_cam_masks'):
            dataset(data, dict(PREFIX, weak_seg_map_path=folder))


def test_mask_of_another_size(data):
    save(np.zeros((4, 5), np.uint8), data / 'weak/a.png')
    with pytest.raises(ValueError, match=r'a.png has the size \(4, 5\)'):
        dataset(data)[0]


def test_transform_that_forgets_the_masks(data):
    steps = pipeline(**DOUBLE)
    steps[1]['type'] = 'mmcv.Resize'
    with pytest.raises(ValueError, match='weak_seg_map has .* seg_fields'):
        dataset(data, steps=steps)[0]


PLAIN = dict(img_path='images')


@pytest.mark.parametrize('prefixes, wanted, message', [
    ([PREFIX], True, None),
    ([PREFIX, PREFIX], True, None),
    ([PLAIN, PLAIN], False, None),
    ([PLAIN], True, 'trains on weak masks.*set data_prefix.weak_seg_map_path'),
    ([PREFIX, PLAIN], True, "trains on weak masks.*images' has none"),
    ([PREFIX], False, r"Add dict\(type='WeakLabels'\) to model.terms"),
    ([PLAIN, PREFIX], False, 'remove the key'),
])
def test_model_and_data_agree(data, prefixes, wanted, message):
    parts = [dataset(data, prefix) for prefix in prefixes]
    samples = ConcatDataset(
        [dict(type='ConcatDataset', datasets=parts[:1]), *parts[1:]])
    if message is None:
        check_weak_masks(samples, wanted)
    else:
        with pytest.raises(ValueError, match=message):
            check_weak_masks(samples, wanted)
