"""Checks of any training, supervised or not, before it begins."""
from mmengine.dist import get_dist_info

from ..datasets.class_checks import check_class_names
from ..datasets.mask_size_check import refuse_unfit_masks
from ..datasets.plain_datasets import plain_datasets
from ..datasets.unlabeled_dataset import UnlabeledDataset
from ..models.head_checks import as_list
from ..utils.bare_model import bare_model
from .schedule_checks import check_schedule


def check_training(runner) -> None:
    """Tells before training what would give wrong results without a word.

    Args:
        runner (Runner): At the begin of its training.

    Raises:
        ValueError: If classes of data sets differ, or masks do not have the
            size of their images.
    """
    check_schedule(runner)
    loaders = dict(train_dataloader=runner.train_dataloader)
    if runner.val_loop is not None:
        loaders['val_dataloader'] = runner.val_dataloader
    parts = {
        key: [
            dataset for dataset in plain_datasets(loader.dataset)
            if not isinstance(dataset, UnlabeledDataset)
        ]
        for key, loader in loaders.items()
    }
    check_class_names(parts, _num_classes(bare_model(runner)))
    refuse_unfit_masks(
        [dataset for part in parts.values() for dataset in part],
        get_dist_info())


def _num_classes(model):
    head = getattr(model, 'decode_head', None)
    return getattr(as_list(head)[-1], 'num_classes', None)
