"""Classes of an image, read from its mask, for ``ClassBalancedDataset``."""
from typing import List

import numpy as np
from mmseg.datasets import BaseSegDataset
from mmseg.datasets.transforms import LoadAnnotations

from .checks import find_transform
from .class_checks import dataset_name
from .mask_path_check import NO_MASKS


def ids_in_mask(dataset: BaseSegDataset, idx: int) -> List[int]:
    """Ids in the mask of an image, without the ignored one.

    Args:
        dataset (BaseSegDataset): Data set, whose pipeline defines how masks
            are loaded.
        idx (int): Index of the image.

    Raises:
        ValueError: If the data set has no folder of masks.
    """
    info = dataset.get_data_info(idx)
    if 'seg_map_path' not in info:
        raise ValueError(f'{dataset_name(dataset)}: {NO_MASKS}')
    load = find_transform(dataset, LoadAnnotations) or LoadAnnotations()
    return [
        int(number) for number in np.unique(load(info)['gt_seg_map'])
        if number != dataset.ignore_index
    ]


class IdsInMasks:
    """Mixin for ``BaseSegDataset`` that provides the classes of each image.

    mmengine's ``ClassBalancedDataset``, which repeats images of rare classes,
    needs them. Each mask is read once.
    """

    def get_cat_ids(self, idx: int) -> List[int]:
        """Class ids of an image, see :func:`ids_in_mask`."""
        known = self.__dict__.setdefault('_ids_in_masks', {})
        # a part of a data set has other indices for the same images
        path = self.get_data_info(idx)['img_path']
        if path not in known:
            known[path] = ids_in_mask(self, idx)
        return known[path]
