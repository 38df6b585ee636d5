from typing import Tuple, Union

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import TRANSFORMS

from .crop_geometry import feasible_offsets
from .windows import PadVal, Size, as_size, cut_windows


@TRANSFORMS.register_module()
class PairedRandomCrop(BaseTransform):
    """Cuts two overlapping windows from an image (Sec. 3.2, Fig. 4 a).

    The second window is shifted against the first by a multiple of ``stride``
    pixels, so that positions of both feature maps show the same pixels. The
    offset is drawn uniformly from all that keep both windows inside the image
    and their IoU within ``iou_range``. (The published code tries 50 times at
    random and then uses equal windows.)

    An image smaller than the crop is padded at the bottom and on the right;
    :class:`ViewInfo` marks the padding.

    Required Keys:

    - img (any dtype, with or without a channel axis)
    - gt_seg_map, weak_seg_map (optional, see :class:`UnlabeledDataset`)

    Modified Keys:

    - img_shape

    Added Keys:

    - windows (list of two ``dict(img=, masks=, info=ViewInfo)``), for
      :class:`MultiView`; the image and its masks are removed

    Args:
        crop_size (int | tuple[int, int]): Height and width in pixels,
            multiples of ``stride``. The paper uses (320, 320) on VOC,
            (720, 720) on Cityscapes.
        iou_range (tuple[float, float]): Lowest and highest intersection over
            union of the two windows, within [0, 1]; at least one position
            always overlaps. (1, 1) gives equal windows (Table 3, VI).
            Defaults to (0.1, 1.0), Sec. 4.1.
        stride (int): Multiple of the distance in pixels between compared
            positions, which is ``stride`` of the model or, if coarser, the
            feature stride. Defaults to 8, Sec. 4.1.
        pad_val (float | Sequence[float], optional): Value of padded pixels,
            or one for each channel, in the channel order of the image. Masks
            are padded with 255 (unknown). Defaults to None: the mean of
            ImageNet, BGR (104, 116, 124), in uint8 images of three channels
            (0 after normalisation), else 0.

    Raises:
        ValueError: If the crop size is not a multiple of the stride, the
            range is out of order or cannot be reached, or ``pad_val`` does
            not fit the channels of an image.

    Examples:
        >>> unlabeled_pipeline = [
        ...     dict(type='LoadImageFromFile'),
        ...     dict(type='PairedRandomCrop', crop_size=(320, 320)),
        ...     dict(
        ...         type='MultiView',
        ...         views=dict(
        ...             a=dict(window=0, transforms=[
        ...                 dict(type='RandomFlip', prob=0.5)]),
        ...             b=dict(window=1, transforms=[
        ...                 dict(type='RandomFlip', prob=0.5)]))),
        ...     dict(type='PackViews')
        ... ]
    """

    def __init__(self,
                 crop_size: Union[int, Tuple[int, int]],
                 iou_range: Tuple[float, float] = (0.1, 1.0),
                 stride: int = 8,
                 pad_val: PadVal = None) -> None:
        crop_size = as_size(crop_size, type(self).__name__)
        if stride < 1 or any(side % stride for side in crop_size):
            raise ValueError(
                f'PairedRandomCrop.crop_size={crop_size} must be '
                f'multiples of stride={stride}. Change crop_size, or stride '
                'here and in the model.')
        low, high = iou_range
        if not 0 <= low <= high <= 1:
            raise ValueError(
                'PairedRandomCrop.iou_range must be (lowest, highest) with '
                f'0 <= lowest <= highest <= 1, got {tuple(iou_range)}.')
        self.crop_size = crop_size
        self.iou_range = (low, high)
        self.stride = stride
        self.pad_val = pad_val
        # in an unlimited image: fails here if no image can satisfy the range
        self._offsets(tuple(3 * side for side in crop_size))

    def _offsets(self, image_size: Size) -> np.ndarray:
        offsets = feasible_offsets(image_size, self.crop_size, self.iou_range,
                                   self.stride)
        if not len(offsets):
            raise ValueError(
                f'No two crops of {self.crop_size} with an offset that is a '
                f'multiple of stride={self.stride} have an IoU within '
                f'iou_range={self.iou_range} in an image of {image_size} '
                '(height, width). Widen PairedRandomCrop.iou_range, reduce '
                'crop_size, or resize the images to a larger size before.')
        return offsets

    @cache_randomness
    def draw_corners(self, image_size: Size) -> tuple:
        """Draws the top left corners of both windows.

        Args:
            image_size (tuple[int, int]): Height and width, before padding.

        Returns:
            tuple: ((top, left), (top, left)) in pixels of the image.
        """
        offsets = self._offsets(image_size)
        offset = offsets[np.random.randint(len(offsets))]
        first, second = [], []
        for side, crop, move in zip(image_size, self.crop_size, offset):
            room = max(side - crop, 0) - abs(int(move))
            start = int(np.random.randint(room + 1))
            first.append(start + max(-int(move), 0))
            second.append(start + max(int(move), 0))
        return tuple(first), tuple(second)

    def transform(self, results: dict) -> dict:
        """Cuts the pair; see the class for the keys."""
        corners = self.draw_corners(results['img'].shape[:2])
        return cut_windows(results, corners, self.crop_size, self.pad_val,
                           type(self).__name__)

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(crop_size={self.crop_size}, '
                f'iou_range={self.iou_range}, stride={self.stride}, '
                f'pad_val={self.pad_val})')
