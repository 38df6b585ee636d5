"""Tests of ``mmseg_dcc/datasets/checks.py``."""
import os.path as osp

import pytest
from mmengine.dataset import BaseDataset, ConcatDataset
from mmengine.logging import MMLogger
from mmseg.registry import DATASETS
from torch.utils.data import DataLoader, SequentialSampler

from mmseg_dcc.datasets import MultiSourceSampler
from mmseg_dcc.datasets.checks import check_semi_dataloader, image_paths


class Named(BaseDataset):
    """Data set that knows nothing but the paths of its images."""

    def __init__(self, *paths):
        self.paths = paths
        super().__init__()

    def load_data_list(self):
        return [dict(img_path=path) for path in self.paths]


def loader(labeled, unlabeled, batch_size=4, sampler_batch_size=4):
    dataset = ConcatDataset([labeled, unlabeled])
    sampler = MultiSourceSampler(dataset, sampler_batch_size, seed=0)
    return DataLoader(dataset, batch_size=batch_size, sampler=sampler)


def test_other_batch_size_names_both_keys():
    wrong = loader(Named('a'), Named('b'), 8, 4)
    with pytest.raises(
            ValueError,
            match=r'train_dataloader\.sampler\.batch_size=4.*'
            r'train_dataloader\.batch_size=8'):
        check_semi_dataloader(wrong)


def test_other_sampler_is_refused():
    dataset = ConcatDataset([Named('a'), Named('b')])
    wrong = DataLoader(dataset, sampler=SequentialSampler(dataset))
    with pytest.raises(
            ValueError, match="'MultiSourceSampler', got SequentialSampler"):
        check_semi_dataloader(wrong)


def test_counts_are_reported(caplog):
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    try:
        check_semi_dataloader(loader(Named('a'), Named(*'bcdef')))
    finally:
        logger.removeHandler(caplog.handler)
    message, = caplog.messages
    assert message.startswith('Images: 1 labeled, 5 unlabeled; 2 + 2 a batch')
    assert message.endswith('3 iterations an epoch.')


def test_shared_images_are_counted_in_a_warning(warnings_logged):
    labeled = Named('x/a.jpg', 'x/b.jpg', 'x/c.jpg')
    unlabeled = Named(
        osp.abspath('x/a.jpg'), 'x/../x/b.jpg', 'x/d.jpg', 'y/c.jpg')
    check_semi_dataloader(loader(labeled, unlabeled))
    warning, = warnings_logged()
    assert warning.startswith('2 of 3 labeled images are also in the unl')


@pytest.mark.parametrize('unlabeled', ['ab', 'abc', 'cd'])
def test_no_warning_without_or_with_full_overlap(unlabeled, warnings_logged):
    check_semi_dataloader(loader(Named('a', 'b'), Named(*unlabeled)))
    assert not warnings_logged()


def test_wrapped_data_sets(warnings_logged):
    labeled = dict(type='RepeatDataset', dataset=Named('a', 'b'), times=3)
    unlabeled = dict(
        type='ConcatDataset',
        datasets=[
            Named('c'),
            dict(type='ConcatDataset', datasets=[Named('a', 'd')])
        ])
    wrapped = loader(labeled, unlabeled)
    assert [image_paths(part) for part in wrapped.dataset.datasets
            ] == [set(map(osp.abspath, paths)) for paths in ('ab', 'acd')]
    check_semi_dataloader(wrapped)
    warning, = warnings_logged()
    assert warning.startswith('1 of 2 labeled')


def test_data_set_that_mixes_images():
    mixed = DATASETS.build(
        dict(
            type='MultiImageMixDataset',
            dataset=ConcatDataset([Named('a'), Named('b')]),
            pipeline=[]))
    assert image_paths(mixed) == set(map(osp.abspath, 'ab'))
