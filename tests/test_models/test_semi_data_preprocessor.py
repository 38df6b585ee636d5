"""Tests of ``mmseg_dcc/models/semi_data_preprocessor.py``."""
import copy

import pytest
import torch
from mmengine.structures import PixelData
from mmseg.models.data_preprocessor import SegDataPreProcessor
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample

from mmseg_dcc.models import SemiSegDataPreProcessor

SETTINGS = dict(
    mean=[123.675, 116.28, 103.53],
    std=[58.395, 57.12, 57.375],
    bgr_to_rgb=True,
    pad_val=0,
    seg_pad_val=255,
    size=(12, 16))


def random_image(*shape):
    return torch.randint(0, 256, shape, dtype=torch.uint8)


def labeled_sample(size, ids=(0, 1, 2), **metainfo):
    sample = SegDataSample(metainfo=dict(img_shape=size, **metainfo))
    labels = torch.tensor(ids)[torch.randint(len(ids), (1, *size))]
    labels[0, 0, :len(ids)] = torch.tensor(ids)
    sample.gt_sem_seg = PixelData(data=labels)
    return sample


def labeled_batch(*sizes):
    return dict(
        inputs=[random_image(3, *size) for size in sizes],
        data_samples=[labeled_sample(size) for size in sizes])


def unlabeled_batch(*sizes):
    return dict(
        inputs=[random_image(2, 3, *size) for size in sizes],
        data_samples=[
            SegDataSample(metainfo=dict(flips=[None, None], number=number))
            for number, _ in enumerate(sizes)
        ])


def joined(*batches):
    return {
        key: [item for batch in batches for item in batch[key]]
        for key in ('inputs', 'data_samples')
    }


def test_built_from_the_registry():
    preprocessor = MODELS.build(dict(type='SemiSegDataPreProcessor'))
    assert isinstance(preprocessor, SegDataPreProcessor)


def test_batch_is_split_in_order():
    labeled = labeled_batch((12, 16), (12, 16))
    unlabeled = unlabeled_batch((8, 8), (8, 8), (8, 8))
    mixed = {
        key: [
            unlabeled[key][0], labeled[key][0], *unlabeled[key][1:],
            labeled[key][1]
        ]
        for key in labeled
    }
    output = SemiSegDataPreProcessor(size=(12, 16))(mixed, training=True)
    assert output['inputs']['sup'].shape == (2, 3, 12, 16)
    assert output['inputs']['unsup'].shape == (3, 2, 3, 8, 8)
    for name, batch in (('sup', labeled), ('unsup', unlabeled)):
        assert torch.equal(output['inputs'][name],
                           torch.stack(batch['inputs']).float())
    assert [
        sample.number for sample in output['data_samples']['unsup']
    ] == [0, 1, 2]


@pytest.mark.parametrize('settings', [
    SETTINGS,
    dict(SETTINGS, bgr_to_rgb=False),
    dict(SETTINGS, bgr_to_rgb=False, rgb_to_bgr=True),
    dict(bgr_to_rgb=True, size=(12, 16)),
    dict(size_divisor=4),
])
def test_crops_are_normalised_as_stock(settings):
    unlabeled = unlabeled_batch((12, 16), (12, 16))
    output = SemiSegDataPreProcessor(**settings)(
        joined(labeled_batch((12, 16)), unlabeled), training=True)
    stock = SegDataPreProcessor(**settings)
    for crop in range(2):
        expected = stock(
            dict(inputs=[pair[crop] for pair in unlabeled['inputs']]))
        assert torch.equal(output['inputs']['unsup'][:, crop],
                           expected['inputs'])


def test_labeled_part_is_padded_as_stock():
    labeled = labeled_batch((12, 16), (9, 11))
    expected = SegDataPreProcessor(**SETTINGS)(
        copy.deepcopy(labeled), training=True)
    output = SemiSegDataPreProcessor(num_classes=3, **SETTINGS)(
        joined(labeled, unlabeled_batch((8, 8))), training=True)
    assert torch.equal(output['inputs']['sup'], expected['inputs'])
    assert output['inputs']['sup'].shape == (2, 3, 12, 16)
    padded = output['data_samples']['sup'][1].gt_sem_seg.data
    for got, stock in zip(output['data_samples']['sup'],
                          expected['data_samples']):
        assert torch.equal(got.gt_sem_seg.data, stock.gt_sem_seg.data)
        assert got.pad_shape == stock.pad_shape
    assert padded.shape == (1, 12, 16)
    assert (padded[0, 9:] == 255).all() and (padded[0, :, 11:] == 255).all()
    assert output['inputs']['unsup'].shape == (1, 2, 3, 8, 8)


@pytest.mark.parametrize('settings', [
    SETTINGS,
    dict(SETTINGS, test_cfg=dict(size_divisor=32)),
])
def test_validation_is_stock(settings):
    batch = labeled_batch((9, 11), (9, 11))
    # Ids outside the classes are of no concern outside training.
    output = SemiSegDataPreProcessor(
        num_classes=1, **settings)(copy.deepcopy(batch))
    expected = SegDataPreProcessor(**settings)(copy.deepcopy(batch))
    assert torch.equal(output['inputs'], expected['inputs'])
    assert [sample.metainfo for sample in output['data_samples']
            ] == [sample.metainfo for sample in expected['data_samples']]


@pytest.mark.parametrize('batch, name', [
    (labeled_batch((12, 16)), 'unlabeled'),
    (unlabeled_batch((8, 8)), 'labeled'),
])
def test_missing_part_is_named(batch, name):
    with pytest.raises(ValueError, match=f'no {name} image.*MultiSource'):
        SemiSegDataPreProcessor(size=(12, 16))(batch, training=True)


def test_pairs_of_different_size_are_refused():
    batch = joined(
        labeled_batch((12, 16)), unlabeled_batch((8, 8), (8, 16)))
    with pytest.raises(ValueError, match=r'\(2, 3, 8, 8\), \(2, 3, 8, 16\)'):
        SemiSegDataPreProcessor(size=(12, 16))(batch, training=True)


def batch_with_ids(*ids, **metainfo):
    return joined(
        dict(
            inputs=[random_image(3, 12, 16)],
            data_samples=[labeled_sample((12, 16), ids, **metainfo)]),
        unlabeled_batch((8, 8)))


@pytest.mark.parametrize('ids, bad', [((0, 3, 2, 7), r'\[3, 7\]'),
                                      ((254, 255), r'\[254\]'),
                                      ((-1, 0), r'\[-1\]')])
def test_ids_outside_the_classes_name_file_and_ids(ids, bad):
    batch = batch_with_ids(*ids, seg_map_path='masks/cat.png')
    preprocessor = SemiSegDataPreProcessor(num_classes=3, **SETTINGS)
    with pytest.raises(
            ValueError, match=f'masks/cat.png has the ids {bad}.*classes=3'):
        preprocessor(batch, training=True)


def test_ids_of_a_mask_without_path():
    with pytest.raises(ValueError, match='path unknown'):
        SemiSegDataPreProcessor(num_classes=3, **SETTINGS)(
            batch_with_ids(9), training=True)


@pytest.mark.parametrize('num_classes, ids', [(3, (0, 1, 2, 255)),
                                              (None, (0, 200))])
def test_ids_that_are_accepted(num_classes, ids):
    SemiSegDataPreProcessor(num_classes=num_classes, **SETTINGS)(
        batch_with_ids(*ids), training=True)
