"""Classes of an image, by its mask, for ``ClassBalancedDataset``."""
from typing import List

import numpy as np
from mmseg.datasets.transforms import LoadAnnotations

from .checks import find_transform


class IdsInMasks:
    """Mixin of ``BaseSegDataset`` that knows the classes of each image.

    mmengine's ``ClassBalancedDataset``, which repeats images of rare classes,
    asks for them. Each mask is read once.
    """

    def get_cat_ids(self, idx: int) -> List[int]:
        """Ids in the mask of an image, without the ignored one.

        Args:
            idx (int): Index of the image.
        """
        known = self.__dict__.setdefault('_ids_in_masks', {})
        if idx not in known:
            load = find_transform(self, LoadAnnotations) or LoadAnnotations()
            mask = load(self.get_data_info(idx))['gt_seg_map']
            known[idx] = [
                int(number) for number in np.unique(mask)
                if number != self.ignore_index
            ]
        return known[idx]
