"""Checks of any training, supervised or not, before its first iteration."""
import logging

from mmengine.dist import get_dist_info
from mmengine.logging import print_log

from ..datasets.class_checks import check_class_names
from ..datasets.mask_path_check import require_mask_paths
from ..datasets.mask_size_check import refuse_unfit_masks
from ..datasets.masks_as_photos import refuse_masks_as_photos
from ..datasets.plain_datasets import plain_datasets, unlabeled_datasets
from ..datasets.size_order_check import warn_of_swapped_sizes
from ..datasets.unlabeled_dataset import UnlabeledDataset
from ..models.head_checks import ONE_CLASS, as_list
from ..utils.bare_model import bare_model
from .schedule_checks import check_schedule


def check_training(runner) -> None:
    """Raises or warns about silent errors before a training.

    Args:
        runner (Runner): Runner at the beginning of its training.

    Raises:
        ValueError: If data sets have different classes, if masks differ in
            size from their images or are among the unlabeled images, or if
            the folder of the masks is not set.
    """
    check_schedule(runner)
    loaders = dict(train_dataloader=runner.train_dataloader)
    if runner.val_loop is not None:
        loaders['val_dataloader'] = runner.val_dataloader
    every = {
        key: plain_datasets(loader.dataset)
        for key, loader in loaders.items()
    }
    require_mask_paths(every)
    parts = {
        key: [
            dataset for dataset in datasets
            if not isinstance(dataset, UnlabeledDataset)
        ]
        for key, datasets in every.items()
    }
    head = as_list(getattr(bare_model(runner), 'decode_head', None))[-1]
    num_classes = getattr(head, 'num_classes', None)
    check_class_names(parts, num_classes)
    check_ignored_class(head)
    if num_classes == 1:  # of other segmentors; ours raise
        print_log(ONE_CLASS, logger='current', level=logging.WARNING)
    labeled = [dataset for part in parts.values() for dataset in part]
    refuse_unfit_masks(labeled, get_dist_info())
    warn_of_swapped_sizes(every['train_dataloader'])
    refuse_masks_as_photos(
        unlabeled_datasets(runner.train_dataloader.dataset), labeled)


def check_test(runner) -> None:
    """Raises before a test if its masks cannot be found.

    Args:
        runner (Runner): Runner at the beginning of its test.

    Raises:
        ValueError: If masks are to be loaded and their folder is not set.
    """
    require_mask_paths(
        dict(test_dataloader=plain_datasets(runner.test_dataloader.dataset)))


def check_ignored_class(head) -> None:
    """Warns if a head ignores the pixels of one of its classes.

    Args:
        head (nn.Module): A decode head of any kind.
    """
    ignored = getattr(head, 'ignore_index', None)
    if ignored is not None and 0 <= ignored < getattr(head, 'num_classes', 0):
        print_log(
            f'model.decode_head.ignore_index={ignored} is the id of one of '
            f'its {head.num_classes} classes. No loss uses these pixels, so '
            'the class is never learned, but the scores count it. If 0 means '
            'unknown in the masks and the classes are 1, 2, ..., set '
            'reduce_zero_label=True of the data sets instead; otherwise mark '
            'unknown pixels with 255.',
            logger='current',
            level=logging.WARNING)
