"""Checks of any training, supervised or not, before it begins."""
import logging

from mmengine.dist import get_dist_info
from mmengine.logging import print_log

from ..datasets.class_checks import check_class_names
from ..datasets.mask_path_check import require_mask_paths
from ..datasets.mask_size_check import refuse_unfit_masks
from ..datasets.masks_as_photos import refuse_masks_as_photos
from ..datasets.plain_datasets import plain_datasets, unlabeled_datasets
from ..datasets.size_order_check import warn_of_exchanged_sizes
from ..datasets.unlabeled_dataset import UnlabeledDataset
from ..models.head_checks import ONE_CLASS, as_list
from ..utils.bare_model import bare_model
from .schedule_checks import check_schedule


def check_training(runner) -> None:
    """Tells before training what would give wrong results without a word.

    Args:
        runner (Runner): At the begin of its training.

    Raises:
        ValueError: If classes of data sets differ, masks do not have the
            size of their images or are unlabeled images, too, or no folder
            of masks is named.
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
    if num_classes == 1:  # of other segmentors; ours refuse it
        print_log(ONE_CLASS, logger='current', level=logging.WARNING)
    labeled = [dataset for part in parts.values() for dataset in part]
    refuse_unfit_masks(labeled, get_dist_info())
    warn_of_exchanged_sizes(every['train_dataloader'])
    refuse_masks_as_photos(
        unlabeled_datasets(runner.train_dataloader.dataset), labeled)


def check_test(runner) -> None:
    """Tells before a test what would stop it with a riddle.

    Args:
        runner (Runner): At the begin of its test.

    Raises:
        ValueError: If masks are to be loaded and no folder of them is named.
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
            f'its {head.num_classes} classes: no loss sees these pixels, so '
            'the class is never learned, but the scores count it. Where the '
            'masks mean unknown pixels by 0 and classes by 1, 2, ..., set '
            'reduce_zero_label=True of the data sets instead; else mark '
            'unknown pixels with 255.',
            logger='current',
            level=logging.WARNING)
