"""Checks of a semi-supervised data loader before the first iteration."""
import logging
import os.path as osp
from typing import Optional

from mmengine.logging import print_log

from .multi_source_sampler import MultiSourceSampler
from .transforms import PairedRandomCrop


def check_semi_dataloader(dataloader) -> None:
    """Compares the sampler with its data loader and the two lists.

    Args:
        dataloader (DataLoader): With :class:`MultiSourceSampler`.

    Raises:
        ValueError: If batch sizes differ or the sampler is another.
    """
    sampler = dataloader.sampler
    if not isinstance(sampler, MultiSourceSampler):
        raise ValueError(
            'Semi-supervised training needs train_dataloader.sampler.type='
            f"'MultiSourceSampler', got {type(sampler).__name__}.")
    if sampler.batch_size != dataloader.batch_size:
        raise ValueError(
            f'train_dataloader.sampler.batch_size={sampler.batch_size} '
            f'differs from train_dataloader.batch_size='
            f'{dataloader.batch_size}. Set both to the number of labeled plus '
            'unlabeled images on one GPU.')
    _report_sources(dataloader.dataset.datasets, sampler)


def _report_sources(sources, sampler: MultiSourceSampler) -> None:
    counts = [len(source) for source in sources]
    print_log(
        f'Images: {counts[0]} labeled, {counts[-1]} unlabeled; '
        f'{sampler.images_per_batch[0]} + {sampler.images_per_batch[-1]} a '
        f'batch on each of {sampler.world_size} process(es); '
        f'{sampler.epoch_length} iterations an epoch.',
        logger='current')
    labeled, unlabeled = (image_paths(sources[i]) for i in (0, -1))
    shared = labeled & unlabeled
    # In the full setting the paper uses the labeled images as unlabeled.
    if shared and shared != labeled:
        print_log(
            f'{len(shared)} of {len(labeled)} labeled images are also in the '
            'unlabeled set. This does no harm but wastes iterations; check '
            'ann_file of both data sets.',
            logger='current',
            level=logging.WARNING)


def image_paths(dataset) -> set:
    """Absolute paths of all images of a data set, wrapped or not."""
    if hasattr(dataset, 'datasets'):
        return set().union(*map(image_paths, dataset.datasets))
    if hasattr(dataset, 'dataset'):
        return image_paths(dataset.dataset)
    return {
        osp.abspath(dataset.get_data_info(i)['img_path'])
        for i in range(len(dataset))
    }


def paired_crop(dataset) -> Optional[PairedRandomCrop]:
    """The transform of the unlabeled part, wrapped or not, if there is one."""
    while hasattr(dataset, 'datasets'):
        dataset = dataset.datasets[-1]
    while hasattr(dataset, 'dataset'):
        dataset = dataset.dataset
    return next((transform for transform in dataset.pipeline.transforms
                 if isinstance(transform, PairedRandomCrop)), None)
