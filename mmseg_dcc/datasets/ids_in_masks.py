"""Classes of an image, by its mask, for ``ClassBalancedDataset``."""
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
        dataset (BaseSegDataset): The data set; its pipeline says how masks
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
    """Mixin of ``BaseSegDataset`` that knows the classes of each image.

    mmengine's ``ClassBalancedDataset``, which repeats images of rare classes,
    asks for them. Each mask is read once.
    """

    def get_cat_ids(self, idx: int) -> List[int]:
        """See :func:`ids_in_mask`."""
        known = self.__dict__.setdefault('_ids_in_masks', {})
        # part of a data set has other numbers for the same images
        path = self.get_data_info(idx)['img_path']
        if path not in known:
            known[path] = ids_in_mask(self, idx)
        return known[path]
