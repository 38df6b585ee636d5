"""Checks of a semi-supervised data loader before the first iteration."""
import logging
from typing import Iterator

from mmengine.logging import print_log

from .class_checks import dataset_name
from .multi_source_batch_sampler import MultiSourceBatchSampler
from .plain_datasets import image_paths, unlabeled_datasets


def check_semi_dataloader(dataloader) -> None:
    """Checks the sources of the batches and logs their numbers of images.

    Args:
        dataloader (DataLoader): Loader of the training.

    Raises:
        ValueError: If the batch sampler is another one, the first data set is
            unlabeled, or no data set is unlabeled.
    """
    batch_sampler = dataloader.batch_sampler
    if not isinstance(batch_sampler, MultiSourceBatchSampler):
        raise ValueError(
            'Semi-supervised training needs train_dataloader.batch_sampler.'
            "type='MultiSourceBatchSampler', got "
            f'{type(batch_sampler).__name__}.')
    sources = dataloader.dataset.datasets
    kinds = list(enumerate(batch_sampler.is_unlabeled))
    labeled = [number for number, is_unlabeled in kinds if not is_unlabeled]
    unlabeled = [number for number, is_unlabeled in kinds if is_unlabeled]
    if not unlabeled:
        raise ValueError(
            'Semi-supervised training needs an UnlabeledDataset among '
            'train_dataloader.dataset.datasets.')
    if 0 not in labeled:
        raise ValueError(
            'The first of train_dataloader.dataset.datasets is unlabeled, but '
            'the first one defines the classes of all. Put a labeled data set '
            'first, and its share first in batch_sampler.source_ratio.')
    _report_sources(sources, batch_sampler, labeled, unlabeled)
    _report_shared_images(*(set().union(*(image_paths(sources[i])
                                          for i in numbers))
                            for numbers in (labeled, unlabeled)))


def _report_sources(sources, batch_sampler: MultiSourceBatchSampler,
                    labeled: list, unlabeled: list) -> None:

    def joined(values, numbers) -> str:
        return ' + '.join(str(values[number]) for number in numbers)

    sizes = [len(source) for source in sources]
    print_log(
        f'Images: {joined(sizes, labeled)} labeled, '
        f'{joined(sizes, unlabeled)} unlabeled; '
        f'{joined(batch_sampler.images_per_batch, labeled + unlabeled)} a '
        f'batch on each of {batch_sampler.world_size} process(es); '
        f'{batch_sampler.epoch_length} iterations an epoch.',
        logger='current')


def _report_shared_images(labeled: set, unlabeled: set) -> None:
    shared = labeled & unlabeled
    # in the full setting of the paper the labeled images are also unlabeled
    if shared and shared != labeled:
        print_log(
            f'{len(shared)} of {len(labeled)} labeled images are also in the '
            'unlabeled set. This does no harm but wastes iterations; check '
            'ann_file of both data sets.',
            logger='current',
            level=logging.WARNING)


def check_weak_masks(dataset, wanted: bool) -> None:
    """Raises if terms need weak masks and the data have none, or vice versa.

    Args:
        dataset (Dataset): Data set of the training.
        wanted (bool): Whether a term of the model trains on weak masks.

    Raises:
        ValueError: If masks are needed and a data set has none, or if masks
            are loaded and not needed.
    """
    parts = unlabeled_datasets(dataset)
    without = [part for part in parts if not part.has_weak_masks]
    if wanted and without:
        raise ValueError(
            'A term of the model trains on weak masks, but '
            f'{", ".join(map(dataset_name, without))} has none: set '
            'data_prefix.weak_seg_map_path of each UnlabeledDataset '
            '(docs/weak_labels.md; it need not hold a mask of every image), '
            'or remove the term from model.terms (of CrossConsistency, set '
            'weak_weight=0).')
    if not wanted and len(without) < len(parts):
        raise ValueError(
            'The unlabeled data set has data_prefix.weak_seg_map_path, but no '
            'term of the model trains on weak masks. Add '
            "dict(type='WeakLabels') to model.terms, or remove the key.")


def find_transform(dataset, kind: type):
    """First transform of a class in the pipeline of a data set, or None.

    Transforms inside of others (``Compose``, ``RandomApply``,
    ``RandomChoice``, ``MultiView``, ...) count, too.

    Args:
        dataset (Dataset): Plain data set, see :func:`plain_datasets`.
        kind (type): Class of the transform.
    """
    return next((step for step in _steps(getattr(dataset, 'pipeline', ()))
                 if isinstance(step, kind)), None)


def _steps(step) -> Iterator:
    """Yields a transform or the items of a list, and all inside of them."""
    if isinstance(step, (list, tuple)):
        for inner in step:
            yield from _steps(inner)
    else:
        yield step
        yield from _steps(getattr(step, 'transforms', ()))
        yield from _steps(getattr(step, 'subroutines', ()))  # TestTimeAug
        views = getattr(step, 'views', None)
        if isinstance(views, dict):  # of MultiView, each a tuple
            yield from _steps(tuple(views.values()))
