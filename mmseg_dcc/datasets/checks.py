"""Checks of a semi-supervised data loader before the first iteration."""
import logging
from typing import Optional

from mmengine.logging import print_log

from .multi_source_batch_sampler import MultiSourceBatchSampler
from .plain_datasets import image_paths, plain_datasets
from .transforms import PairedRandomCrop
from .unlabeled_dataset import UnlabeledDataset


def check_semi_dataloader(dataloader) -> None:
    """Checks the batch sampler and compares the two lists.

    Args:
        dataloader (DataLoader): With :class:`MultiSourceBatchSampler`.

    Raises:
        ValueError: If the batch sampler is another.
    """
    sampler = dataloader.batch_sampler
    if not isinstance(sampler, MultiSourceBatchSampler):
        raise ValueError(
            'Semi-supervised training needs train_dataloader.batch_sampler.type='
            f"'MultiSourceBatchSampler', got {type(sampler).__name__}.")
    _report_sources(dataloader.dataset.datasets, sampler)


def _report_sources(sources, sampler: MultiSourceBatchSampler) -> None:
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
