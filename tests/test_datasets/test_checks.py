"""Tests of ``mmseg_dcc/datasets/checks.py``."""
import os.path as osp
from types import SimpleNamespace

import pytest
from mmengine.dataset import BaseDataset, ConcatDataset, DefaultSampler
from mmengine.logging import MMLogger
from mmseg.registry import DATASETS, TRANSFORMS
from torch.utils.data import DataLoader

from mmseg_dcc.datasets import MultiSourceBatchSampler, UnlabeledDataset
from mmseg_dcc.datasets.checks import check_semi_dataloader, find_transform
from mmseg_dcc.datasets.plain_datasets import (
    image_paths,
    plain_datasets,
    unlabeled_datasets,
)
from mmseg_dcc.datasets.transforms import (
    PairedRandomCrop,
    RandomGaussianBlur,
)


class Named(BaseDataset):
    """Data set that only has the paths of its images."""

    def __init__(self, *paths, **kwargs):
        self.paths = paths
        super().__init__(**kwargs)

    def load_data_list(self):
        return [dict(img_path=path) for path in self.paths]


class Photos(UnlabeledDataset):
    """Data set of image paths without masks."""

    def __init__(self, *paths):
        self.paths = paths
        super().__init__()

    def load_data_list(self):
        return [dict(img_path=path) for path in self.paths]


def loader(*datasets, **kwargs):
    dataset = ConcatDataset(datasets, ignore_keys=['classes'])
    sampler = MultiSourceBatchSampler(
        DefaultSampler(dataset, seed=0),
        batch_size=2 * len(datasets),
        **{
            'source_ratio': [1] * len(datasets),
            **kwargs
        })
    return DataLoader(dataset, batch_sampler=sampler)


@pytest.fixture
def report(caplog):
    """Function that checks a data loader and returns the logged report."""
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)

    def check(dataloader):
        check_semi_dataloader(dataloader)
        return caplog.messages[0]

    yield check
    logger.removeHandler(caplog.handler)


def test_other_batch_sampler_is_refused():
    dataset = ConcatDataset([Named('a'), Named('b')])
    with pytest.raises(
            ValueError,
            match="train_dataloader.batch_sampler.type='MultiSourceBatch"
            "Sampler', got BatchSampler"):
        check_semi_dataloader(DataLoader(dataset, batch_size=2))


class TestReport:

    def test_counts(self, report):
        message = report(loader(Named('a'), Photos(*'bcdef')))
        assert message == (
            'Images: 1 labeled, 5 unlabeled; 2 + 2 a batch on each of 1 '
            'process(es); 3 iterations an epoch.')

    def test_several_of_each_kind(self, report):
        message = report(
            loader(
                Named('a'),
                Photos(*'bcdef'),
                Named(*'gh'),
                Photos(*'ijk'),
                source_ratio=[1, 3, 2, 2]))
        assert message.startswith(
            'Images: 1 + 2 labeled, 5 + 3 unlabeled; 1 + 2 + 3 + 2 a batch')


class TestOrderOfSources:

    def test_unlabeled_first_is_refused(self):
        with pytest.raises(ValueError, match='first of .* is unlabeled.*Put'):
            check_semi_dataloader(loader(Photos('b'), Named('a')))

    def test_no_unlabeled_data_is_refused(self):
        with pytest.raises(ValueError, match='needs an UnlabeledDataset'):
            check_semi_dataloader(loader(Named('a'), Named('b')))


class TestSharedImages:

    def test_counted_in_a_warning(self, warnings_logged):
        labeled = Named('x/a.jpg', 'x/b.jpg', 'x/c.jpg')
        unlabeled = Photos(
            osp.abspath('x/a.jpg'), 'x/../x/b.jpg', 'x/d.jpg', 'y/c.jpg')
        check_semi_dataloader(loader(labeled, unlabeled))
        warning, = warnings_logged()
        assert warning.startswith('2 of 3 labeled images are also in the unl')

    @pytest.mark.parametrize('unlabeled', ['ab', 'abc', 'cd'])
    def test_no_warning_without_or_with_full_overlap(self, unlabeled,
                                                     warnings_logged):
        check_semi_dataloader(loader(Named('a', 'b'), Photos(*unlabeled)))
        assert not warnings_logged()

    def test_between_all_labeled_and_all_unlabeled(self, warnings_logged):
        check_semi_dataloader(
            loader(
                Named('a'), Named('b', 'c'), Photos('c', 'd'),
                Photos('e', 'a')))
        warning, = warnings_logged()
        assert warning.startswith('2 of 3 labeled')


class TestWrappers:

    def test_data_sets_inside(self, warnings_logged):
        inner = [Photos('c'), Photos('a', 'd')]
        labeled = dict(
            type='RepeatDataset', dataset=Named('a', 'b'), times=3)
        unlabeled = dict(
            type='ConcatDataset',
            datasets=[
                inner[0],
                dict(type='ConcatDataset', datasets=[inner[1]])
            ])
        wrapped = loader(labeled, unlabeled)
        assert unlabeled_datasets(wrapped.dataset) == inner
        assert plain_datasets(wrapped.dataset)[1:] == inner
        assert [image_paths(part) for part in wrapped.dataset.datasets
                ] == [set(map(osp.abspath, paths)) for paths in ('ab', 'acd')]
        check_semi_dataloader(wrapped)
        warning, = warnings_logged()
        assert warning.startswith('1 of 2 labeled')

    def test_data_set_that_mixes_images(self):
        mixed = DATASETS.build(
            dict(
                type='MultiImageMixDataset',
                dataset=ConcatDataset([Named('a'), Named('b')]),
                pipeline=[]))
        assert image_paths(mixed) == set(map(osp.abspath, 'ab'))


class TestFindTransform:

    CROP = dict(type='PairedRandomCrop', crop_size=8)

    @pytest.mark.parametrize('step', [
        CROP,
        dict(type='RandomApply', transforms=[CROP]),
        dict(
            type='RandomChoice',
            transforms=[[dict(type='RandomGrayscale')], [CROP]]),
        dict(
            type='RandomApply',
            transforms=[dict(type='RandomChoice', transforms=[[CROP]])]),
        dict(type='TransformBroadcaster', transforms=[CROP]),
    ])
    def test_at_any_depth(self, step):
        dataset = Named('a', pipeline=[dict(type='Resize', scale=(8, 8)),
                                       TRANSFORMS.build(step)])
        found = find_transform(dataset, PairedRandomCrop)
        assert isinstance(found, PairedRandomCrop)
        assert find_transform(dataset, RandomGaussianBlur) is None

    def test_inside_of_a_view(self):
        crop = TRANSFORMS.build(self.CROP)
        views = SimpleNamespace(views=dict(a=(0, []), b=(1, [crop])))
        dataset = SimpleNamespace(pipeline=[views])
        assert find_transform(dataset, PairedRandomCrop) is crop

    def test_first_one(self):
        crops = [TRANSFORMS.build(self.CROP) for _ in range(2)]
        assert find_transform(Named('a', pipeline=crops),
                              PairedRandomCrop) is crops[0]
