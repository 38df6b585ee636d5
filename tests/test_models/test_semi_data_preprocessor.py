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


def random_image(*shape, dtype=torch.uint8):
    return torch.randint(0, 256, shape).to(dtype)


def labeled_sample(size, ids=(0, 1, 2), **metainfo):
    sample = SegDataSample(metainfo=dict(img_shape=size, **metainfo))
    labels = torch.tensor(ids)[torch.randint(len(ids), (1, *size))]
    labels[0, 0, :len(ids)] = torch.tensor(ids)
    sample.gt_sem_seg = PixelData(data=labels)
    return sample


def labeled_batch(*sizes, channels=3, **kwargs):
    return dict(
        inputs=[random_image(channels, *size, **kwargs) for size in sizes],
        data_samples=[labeled_sample(size) for size in sizes])


def unlabeled_batch(*sizes, channels=3, views=('a', 'b'), **kwargs):
    return dict(
        inputs=[
            random_image(len(views), channels, *size, **kwargs)
            for size in sizes
        ],
        data_samples=[
            SegDataSample(
                metainfo=dict(views=dict.fromkeys(views), number=number))
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
@pytest.mark.parametrize('views', ['a', 'ab', ('weak', 'strong1', 'strong2')])
def test_views_are_normalised_as_stock(settings, views):
    unlabeled = unlabeled_batch((12, 16), (12, 16), views=views)
    output = SemiSegDataPreProcessor(**settings)(
        joined(labeled_batch((12, 16)), unlabeled), training=True)
    stock = SegDataPreProcessor(**settings)
    for view in range(len(views)):
        expected = stock(
            dict(inputs=[image[view] for image in unlabeled['inputs']]))
        assert torch.equal(output['inputs']['unsup'][:, view],
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
    # Outside training ids are not checked.
    output = SemiSegDataPreProcessor(
        num_classes=1, **settings)(copy.deepcopy(batch))
    expected = SegDataPreProcessor(**settings)(copy.deepcopy(batch))
    assert torch.equal(output['inputs'], expected['inputs'])
    assert [sample.metainfo for sample in output['data_samples']
            ] == [sample.metainfo for sample in expected['data_samples']]


def test_warmup_batch_has_no_unlabeled_part():
    labeled = labeled_batch((12, 16), (9, 11))
    expected = SegDataPreProcessor(**SETTINGS)(
        copy.deepcopy(labeled), training=True)
    output = SemiSegDataPreProcessor(num_classes=3, **SETTINGS)(
        labeled, training=True)
    assert torch.equal(output['inputs']['sup'], expected['inputs'])
    assert len(output['data_samples']['sup']) == 2
    assert output['inputs']['unsup'] is None
    assert output['data_samples']['unsup'] == []


def test_missing_labeled_part_is_named():
    with pytest.raises(ValueError, match='no labeled image.*MultiSourceBatch'):
        SemiSegDataPreProcessor(size=(12, 16))(
            unlabeled_batch((8, 8)), training=True)


def test_image_without_mask_and_views_is_named():
    batch = labeled_batch((12, 16), (12, 16))
    batch['data_samples'][1] = SegDataSample(
        metainfo=dict(img_path='photos/7.jpg'))
    with pytest.raises(ValueError, match='photos/7.jpg has neither.*PackView'):
        SemiSegDataPreProcessor(size=(12, 16))(batch, training=True)


class TestChannels:

    @pytest.mark.parametrize('dtype', [torch.uint8, torch.float32])
    @pytest.mark.parametrize('channels', [1, 2, 4, 13])
    def test_any_number_is_kept_in_its_order(self, channels, dtype):
        kwargs = dict(channels=channels, dtype=dtype)
        labeled = labeled_batch((12, 16), **kwargs)
        unlabeled = unlabeled_batch((8, 8), **kwargs)
        output = SemiSegDataPreProcessor(
            mean=[1.] * channels,
            std=[2.] * channels,
            bgr_to_rgb=True,
            size=(12, 16))(joined(labeled, unlabeled), training=True)
        for name, batch in (('sup', labeled), ('unsup', unlabeled)):
            images = torch.stack(batch['inputs']).float()
            assert torch.equal(output['inputs'][name], (images - 1) / 2)

    @pytest.mark.parametrize('channels', [1, 4])
    @pytest.mark.parametrize('unlabeled', [True, False])
    @pytest.mark.parametrize('key', ['mean', 'std'])
    def test_other_number_of_means_is_refused(self, channels, unlabeled, key):
        numbers = dict(mean=[0.] * channels, std=[1.] * channels)
        numbers[key] = [1., 2., 3.]
        parts = [labeled_batch((12, 16), channels=channels)]
        if unlabeled:
            parts.append(unlabeled_batch((8, 8), channels=channels))
        with pytest.raises(
                ValueError,
                match=f'data_preprocessor.{key} has 3 numbers.* {channels} '
                'channels'):
            SemiSegDataPreProcessor(
                size=(12, 16), **numbers)(joined(*parts), training=True)

    def test_labeled_and_unlabeled_must_agree(self):
        batch = joined(
            labeled_batch((12, 16)), unlabeled_batch((8, 8), channels=4))
        with pytest.raises(ValueError, match=r'\[3, 4\] channels'):
            SemiSegDataPreProcessor(size=(12, 16))(batch, training=True)


class TestViewsOfOneBatch:

    @pytest.mark.parametrize('parts, message', [
        ([((8, 8), 'ab'), ((8, 16), 'ab')],
         r'\(2, 3, 8, 8\), \(2, 3, 8, 16\)'),
        ([((8, 8), 'ab'), ((8, 8), 'abc')],
         r'\(2, 3, 8, 8\), \(3, 3, 8, 8\)'),
        ([((8, 8), 'ab'), ((8, 8), 'ac')], r"\('a', 'b'\), \('a', 'c'\)"),
        ([((8, 8), 'ab'), ((8, 8), 'ba')], r"\('a', 'b'\), \('b', 'a'\)"),
    ])
    def test_differences_are_refused(self, parts, message):
        batch = joined(
            labeled_batch((12, 16)),
            *(unlabeled_batch(size, views=views) for size, views in parts))
        with pytest.raises(ValueError, match=message):
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


class TestIgnoredId:

    @staticmethod
    def preprocess(batch, **kwargs):
        return SemiSegDataPreProcessor(
            num_classes=3, **{
                **SETTINGS,
                **kwargs
            })(batch, training=True)

    @pytest.mark.parametrize('ignore_index', [254, 3, -100])
    def test_that_of_the_head_is_accepted(self, ignore_index):
        self.preprocess(
            batch_with_ids(0, ignore_index), ignore_index=ignore_index)

    def test_padding_id_is_none_if_the_head_ignores_another(self):
        with pytest.raises(ValueError, match=r'ids \[255\].* 254 for pixels'):
            self.preprocess(batch_with_ids(0, 255), ignore_index=254)

    @pytest.mark.parametrize('sizes, kwargs', [
        ([(9, 16)], dict(size=(12, 16))),
        ([(12, 16), (12, 8)], dict(size=None, size_divisor=1)),
        ([(12, 16)], dict(size=None, size_divisor=32)),
    ])
    def test_padding_with_another_id_is_refused(self, sizes, kwargs):
        kwargs = dict(kwargs, ignore_index=254)
        with pytest.raises(
                ValueError, match='Set data_preprocessor.seg_pad_val=254'):
            self.preprocess(labeled_batch(*sizes), **kwargs)
        # the advice of the message works
        padded = self.preprocess(
            labeled_batch(*sizes), **dict(kwargs, seg_pad_val=254))
        assert (padded['data_samples']['sup'][-1].gt_sem_seg.data == 254).any()

    def test_no_padding_no_complaint(self):
        self.preprocess(labeled_batch((12, 16), (12, 16)), ignore_index=254)


class TestWeakMasks:

    @staticmethod
    def preprocess(*ids, **kwargs):
        batch = batch_with_ids(0, 1)
        masks = torch.tensor(ids, dtype=torch.uint8).expand(2, 8, len(ids))
        sample = batch['data_samples'][1]
        sample.weak_sem_seg = PixelData(data=masks)
        sample.set_metainfo(dict(weak_seg_map_path='weak/dog.png'))
        SemiSegDataPreProcessor(
            num_classes=3, **SETTINGS, **kwargs)(batch, training=True)

    @pytest.mark.parametrize('ignore_index', [None, 3])
    def test_unknown_is_255_whatever_the_head_ignores(self, ignore_index):
        self.preprocess(0, 2, 255, ignore_index=ignore_index)

    @pytest.mark.parametrize('bad', [3, 254])
    def test_other_ids_are_refused(self, bad):
        with pytest.raises(ValueError, match=rf'weak/dog.png .* \[{bad}\]'):
            self.preprocess(0, bad, ignore_index=bad)


def test_misspelled_argument():
    with pytest.raises(TypeError, match="'sise', .*Do you mean 'size'"):
        MODELS.build(dict(type='SemiSegDataPreProcessor', sise=(8, 8)))
