from typing import Tuple, Union

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import TRANSFORMS

from .windows import PadVal, Size, as_size, cut_windows


@TRANSFORMS.register_module()
class SharedRandomCrop(BaseTransform):
    """Cuts one window at a random position, which all views share.

    It is meant for methods whose views differ only in colours and flips
    (FixMatch, UniMatch), and for those with one view (CPS, CCT, GCT).

    An image smaller than the crop is padded at the bottom and on the right;
    :class:`ViewInfo` marks the padding.

    Required Keys:

    - img (any dtype, with or without a channel axis)
    - gt_seg_map, weak_seg_map (optional, see :class:`UnlabeledDataset`)

    Modified Keys:

    - img_shape

    Added Keys:

    - windows (list with one ``dict(img=, masks=, info=ViewInfo)``), for
      :class:`MultiView`; the image and its masks are removed

    Args:
        crop_size (int | tuple[int, int]): Height and width in pixels.
        pad_val (float | Sequence[float], optional): Value of padded pixels,
            or one for each channel, in the channel order of the image. Masks
            are padded with 255 (unknown). Defaults to None: the mean of
            ImageNet, BGR (104, 116, 124), in uint8 images of three channels
            (0 after normalisation), else 0.

    Raises:
        ValueError: If ``crop_size`` is not a size, or ``pad_val`` does not
            fit the channels of an image.

    Examples:
        >>> unlabeled_pipeline = [
        ...     dict(type='LoadImageFromFile'),
        ...     dict(type='SharedRandomCrop', crop_size=(320, 320)),
        ...     dict(
        ...         type='MultiView',
        ...         views=dict(
        ...             weak=[], strong=[dict(type='PhotoMetricDistortion')])),
        ...     dict(type='PackViews')
        ... ]
    """

    def __init__(self,
                 crop_size: Union[int, Tuple[int, int]],
                 pad_val: PadVal = None) -> None:
        self.crop_size = as_size(crop_size, type(self).__name__)
        self.pad_val = pad_val

    @cache_randomness
    def draw_corner(self, image_size: Size) -> Size:
        """Draws the top left corner uniformly.

        Args:
            image_size (tuple[int, int]): Height and width, before padding.

        Returns:
            tuple[int, int]: (top, left) in pixels of the image.
        """
        return tuple(
            int(np.random.randint(max(side - crop, 0) + 1))
            for side, crop in zip(image_size, self.crop_size))

    def transform(self, results: dict) -> dict:
        """Cuts the window; see the class for the keys."""
        corner = self.draw_corner(results['img'].shape[:2])
        return cut_windows(results, [corner], self.crop_size, self.pad_val,
                           type(self).__name__)

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(crop_size={self.crop_size}, '
                f'pad_val={self.pad_val})')
