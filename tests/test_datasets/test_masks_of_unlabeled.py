"""Tests of masks of unlabeled images, which are used for the log."""
import numpy as np
import pytest
from mmengine.dataset import ConcatDataset, DefaultSampler
from mmseg.datasets import BaseSegDataset
from PIL import Image
from torch.utils.data import DataLoader

from mmseg_dcc.datasets import MultiSourceBatchSampler, UnlabeledDataset

FACTOR = 20  # colour of a pixel whose label is 1


def pipeline(prob, direction):
    return [
        dict(type='LoadImageFromFile'),
        dict(type='Resize', scale_factor=2., interpolation='nearest'),
        dict(type='PairedRandomCrop', crop_size=(48, 48)),
        dict(
            type='MultiView',
            views={
                name: dict(
                    window=window,
                    transforms=[
                        dict(
                            type='RandomFlip', prob=prob,
                            direction=direction)
                    ])
                for window, name in enumerate('ab')
            }),
        dict(type='PackViews'),
    ]


@pytest.fixture
def data(tmp_path):
    """Images that equal their masks; ``c`` has none, ``b`` is small."""
    rng = np.random.default_rng(0)
    for name, size in (('a', (40, 50)), ('deep/b', (20, 60)),
                       ('c', (40, 40))):
        labels = rng.integers(0, 12, size, np.uint8)
        for folder, values in (('images', labels * FACTOR),
                               ('masks', labels)):
            path = tmp_path / folder / f'{name}_{folder}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            if (folder, name) != ('masks', 'c'):
                Image.fromarray(values).save(path)
    return tmp_path


def dataset(data, prob=0., direction='horizontal', **kwargs):
    settings = dict(
        data_root=str(data),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        img_suffix='_images.png',
        seg_map_suffix='_masks.png',
        pipeline=pipeline(prob, direction))
    return UnlabeledDataset(**{**settings, **kwargs})


@pytest.mark.parametrize('direction', ['horizontal', 'vertical', 'diagonal'])
@pytest.mark.slow
def test_masks_show_what_the_crops_show(data, direction):
    seen = set()
    for sample in [dataset(data, 0.5, direction)[i] for i in [0, 2] * 8]:
        masks = sample['data_samples'].gt_sem_seg.data
        assert masks.shape == (2, 48, 48)
        padding = masks == 255
        shown = sample['inputs'][:, 0]
        np.testing.assert_array_equal(
            shown[~padding], masks[~padding] * FACTOR)
        is_small = sample['data_samples'].img_path.endswith('b_images.png')
        # 40 of 48 rows
        assert padding.sum() == (2 * 8 * 48 if is_small else 0)
        seen.update(
            info.flip for info in sample['data_samples'].views.values())
    assert seen == {None, direction}


def test_image_without_a_mask(data):
    assert 'gt_sem_seg' not in dataset(data)[1]['data_samples']


def test_masks_are_looked_for_when_their_folder_is_named(data):
    without = dataset(data, data_prefix=dict(img_path='images'))
    for index in range(3):
        np.random.seed(index)
        sample = without[index]
        assert 'gt_sem_seg' not in sample['data_samples']
        # the same draws with masks
        np.random.seed(index)
        other = dataset(data)[index]
        np.testing.assert_array_equal(sample['inputs'], other['inputs'])


def test_suffix_of_the_image_is_replaced(data):
    for path in list((data / 'masks').rglob('*.png')):
        path.rename(
            path.with_name(path.name.replace('_masks', '_images')))
    samples = dataset(data, img_suffix=None, seg_map_suffix='.png')
    assert ['gt_sem_seg' in samples[i]['data_samples']
            for i in range(3)] == [True, False, True]


def test_labels_are_mapped_as_in_the_labeled_part(data):
    mapped = dataset(data, metainfo=dict(label_map={1: 0, 2: 1}))
    zero = dataset(data, metainfo=dict(reduce_zero_label=True))
    np.random.seed(0)
    plain = dataset(data)[0]['data_samples'].gt_sem_seg.data
    np.random.seed(0)
    found = mapped[0]['data_samples'].gt_sem_seg.data
    np.testing.assert_array_equal(
        found, np.where(plain == 1, 0, np.where(plain == 2, 1, plain)))
    np.random.seed(0)
    found = zero[0]['data_samples'].gt_sem_seg.data
    np.testing.assert_array_equal(
        found, np.where(plain == 0, 255, plain - 1))


@pytest.mark.parametrize('labeled_sees, own, expected', [
    (dict(reduce_zero_label=True), {}, 'reduced'),
    (dict(metainfo=dict(classes=('c', 'a'))), {}, 'mapped'),
    (dict(reduce_zero_label=True),
     dict(metainfo=dict(reduce_zero_label=False)), 'plain'),
    ({}, {}, 'plain'),
])
def test_ids_mean_what_they_mean_in_training(data, labeled_sees, own,
                                             expected, caplog,
                                             warnings_logged):
    """The ids are read as those of the labeled data set, also in workers."""

    class Letters(BaseSegDataset):
        METAINFO = dict(classes=tuple('abc'), palette=[[0, 0, 0]] * 3)

    labeled = Letters(
        data_root=str(data), img_suffix='_images.png',
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        pipeline=[dict(type='LoadImageFromFile')], **labeled_sees)
    photos = dataset(data, **own)
    both = ConcatDataset([labeled, photos], ignore_keys=[
        'classes', 'palette', 'label_map', 'reduce_zero_label'])
    sampler = MultiSourceBatchSampler(
        DefaultSampler(both, shuffle=False), batch_size=2)
    assert sampler.is_unlabeled == [False, True]
    sample = next(iter(DataLoader(
        photos, sampler=[0], num_workers=1, collate_fn=list)))[0]
    shown = sample['inputs'][:, 0].numpy() // FACTOR
    masks = sample['data_samples'].gt_sem_seg.data.numpy()
    means = dict(
        plain=shown, reduced=np.where(shown == 0, 255, shown - 1),
        mapped=np.choose(np.minimum(shown, 3), [1, 255, 0, shown]))
    inside = masks != 255
    np.testing.assert_array_equal(masks[inside], means[expected][inside])
    told = 'which are only used for the log, are' in caplog.text
    assert inside.any() and told == (expected != 'plain')


def test_missing_folder_of_masks(data):
    with pytest.raises(FileNotFoundError, match='seg_map_path'):
        dataset(data, data_prefix=dict(img_path='images',
                                       seg_map_path='nowhere'))
