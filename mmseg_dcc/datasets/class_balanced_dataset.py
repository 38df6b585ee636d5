from types import SimpleNamespace
from typing import List

from mmengine.dataset import BaseDataset, force_full_init
from mmengine.dataset import ClassBalancedDataset as StockDataset
from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from .class_checks import dataset_name
from .ids_in_masks import ids_in_mask
from .unlabeled_dataset import UnlabeledDataset


@DATASETS.register_module()
class ClassBalancedDataset(StockDataset):
    """Wrapper that repeats images of rare classes, for semantic masks.

    mmengine's wrapper of this name asks the data set for the classes of an
    image, which mmseg's data sets do not provide. Here they are read from the
    masks, once, when the data set is built. Arguments, and the behaviour with
    other data sets, are those of mmengine.

    Raises:
        ValueError: If it wraps unlabeled images, or there are no masks.

    Examples:
        >>> labeled_dataset = dict(
        ...     type='ClassBalancedDataset', oversample_thr=0.1,
        ...     dataset=dict(type='PascalVOCDataset', ...))
    """

    def _get_repeat_factors(self, dataset: BaseDataset,
                            repeat_thr: float) -> List[float]:
        self._ids = _Ids(
            class_ids(dataset, idx) for idx in range(len(dataset)))
        return StockDataset._get_repeat_factors(
            SimpleNamespace(dataset=self._ids), self._ids, repeat_thr)

    @force_full_init
    def get_cat_ids(self, idx: int) -> List[int]:
        """Class ids of an image, see ``ClassBalancedDataset`` of mmengine."""
        return self._ids[self._get_ori_dataset_idx(idx)]


class _Ids(list):
    """Class ids by image, with the method of a data set."""
    get_cat_ids = list.__getitem__


def class_ids(dataset, idx: int) -> List[int]:
    """Class ids in an image of a labeled data set, wrapped or not.

    Args:
        dataset (Dataset): Data set. For those of mmseg the ids are read from
            the mask.
        idx (int): Index of the image.

    Raises:
        ValueError: If the images are unlabeled, or there are no masks.
    """
    inner = getattr(dataset, '_get_ori_dataset_idx', lambda same: same)
    if hasattr(dataset, 'datasets'):
        number, idx = inner(idx)
        return class_ids(dataset.datasets[number], idx)
    if isinstance(dataset, UnlabeledDataset):
        raise ValueError(
            f'ClassBalancedDataset wraps {dataset_name(dataset)}, an '
            'UnlabeledDataset, whose classes are unknown. Wrap only the '
            'labeled data set.')
    if hasattr(dataset, 'dataset'):
        return class_ids(dataset.dataset, inner(idx))
    if (isinstance(dataset, BaseSegDataset)
            and type(dataset).get_cat_ids is BaseDataset.get_cat_ids):
        return ids_in_mask(dataset, idx)
    return dataset.get_cat_ids(idx)
