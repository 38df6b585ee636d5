"""Access to the data sets inside of wrappers."""
import os.path as osp
from typing import List

from .unlabeled_dataset import UnlabeledDataset


def plain_datasets(dataset) -> list:
    """Data sets inside of wrappers, in their order.

    Args:
        dataset (Dataset): Plain data set, or one wrapped by
            ``ConcatDataset``, ``RepeatDataset`` and the like at any depth.
    """
    parts = getattr(dataset, 'datasets', None)
    if parts is None and hasattr(dataset, 'dataset'):
        parts = [dataset.dataset]
    if parts is None:
        return [dataset]
    return [plain for part in parts for plain in plain_datasets(part)]


def unlabeled_datasets(dataset) -> List[UnlabeledDataset]:
    """Unlabeled data sets inside of wrappers, in their order."""
    return [
        plain for plain in plain_datasets(dataset)
        if isinstance(plain, UnlabeledDataset)
    ]


def image_paths(dataset) -> set:
    """Absolute paths of all images of a data set, wrapped or not."""
    return {
        osp.abspath(plain.get_data_info(i)['img_path'])
        for plain in plain_datasets(dataset) for i in range(len(plain))
    }


def share_mask_ids(dataset) -> None:
    """Makes unlabeled data sets read their masks as the labeled ones do.

    These masks are only used for the log.

    Args:
        dataset (Dataset): Data set of the training. If several labeled data
            sets read their ids differently, the one with the same mask folder
            is used, otherwise the first.
    """
    photos = unlabeled_datasets(dataset)
    labeled = [plain for plain in plain_datasets(dataset)
               if not isinstance(plain, UnlabeledDataset)]
    for part in photos if labeled else ():
        folder = getattr(part, 'data_prefix', {}).get('seg_map_path')
        if not folder:
            continue
        part.read_masks_like(
            next((other for other in labeled if getattr(
                other, 'data_prefix', {}).get('seg_map_path') == folder),
                 labeled[0]))
