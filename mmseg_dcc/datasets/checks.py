"""Checks of a semi-supervised data loader before the first iteration."""
import logging
import os.path as osp
from typing import Optional

from mmengine.logging import print_log

from .multi_source_sampler import MultiSourceSampler
from .transforms import PairedRandomCrop
from .unlabeled_dataset import UnlabeledDataset


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
    *labeled_counts, unlabeled_count = [str(len(s)) for s in sources]
    print_log(
        f'Images: {" + ".join(labeled_counts)} labeled, {unlabeled_count} '
        f'unlabeled; {" + ".join(map(str, sampler.images_per_batch))} a '
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


def plain_datasets(dataset) -> list:
    """The data sets inside of wrappers, in their order."""
    parts = getattr(dataset, 'datasets', None)
    if parts is None and hasattr(dataset, 'dataset'):
        parts = [dataset.dataset]
    if parts is None:
        return [dataset]
    return [plain for part in parts for plain in plain_datasets(part)]


def image_paths(dataset) -> set:
    """Absolute paths of all images of a data set, wrapped or not."""
    return {
        osp.abspath(plain.get_data_info(i)['img_path'])
        for plain in plain_datasets(dataset) for i in range(len(plain))
    }


def check_weak_masks(dataset, wanted: bool) -> None:
    """Compares the unlabeled part with what the model does with it.

    Args:
        dataset (Dataset): Of the training.
        wanted (bool): Whether the model trains on weak masks.

    Raises:
        ValueError: If masks are wanted and not there, or the reverse.
    """
    found = any(
        isinstance(part, UnlabeledDataset) and part.has_weak_masks
        for part in plain_datasets(dataset))
    if wanted and not found:
        raise ValueError(
            'WeakDCCSegmentor trains on weak masks, but no data set has any: '
            'set data_prefix.weak_seg_map_path of the UnlabeledDataset '
            "(docs/weak_labels.md), or model.type='DCCSegmentor'.")
    if found and not wanted:
        raise ValueError(
            'The unlabeled dataset has data_prefix.weak_seg_map_path, but the '
            'model does not train on weak masks. Set '
            "model.type='WeakDCCSegmentor', or remove the key.")


def paired_crop(dataset) -> Optional[PairedRandomCrop]:
    """The transform of the unlabeled part, wrapped or not, if there is one."""
    return find_transform(plain_datasets(dataset)[-1], PairedRandomCrop)


def find_transform(dataset, kind: type):
    """The first transform of a kind in the pipeline of a data set, or None."""
    return next((transform for transform in dataset.pipeline.transforms
                 if isinstance(transform, kind)), None)
