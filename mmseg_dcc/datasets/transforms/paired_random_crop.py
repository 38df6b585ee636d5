from typing import Sequence, Tuple

import numpy as np
from mmcv.transforms import BaseTransform
from mmcv.transforms.utils import cache_randomness
from mmseg.registry import TRANSFORMS

from .crop_geometry import feasible_offsets, overlap_boxes, valid_box

IGNORE = 255  # in masks


@TRANSFORMS.register_module()
class PairedRandomCrop(BaseTransform):
    """Cuts two overlapping crops from one image (Sec. 3.2, Fig. 4 a).

    The second crop is moved against the first by a multiple of ``stride``
    pixels, so that positions of both feature maps show the same pixels. The
    offset is drawn from all that keep both crops inside the image and their
    IoU within ``iou_range``, each as likely as any other. (The published
    code tries 50 times at random and then uses identical crops.)

    An image smaller than the crop is padded at the bottom and on the right;
    padding is never part of the overlap.

    Required Keys:

    - img
    - gt_seg_map, weak_seg_map (optional, see :class:`UnlabeledDataset`)

    Modified Keys:

    - img (list of two arrays, each (crop height, crop width, channels))
    - img_shape
    - gt_seg_map, weak_seg_map: become ``pair_gt_seg_map`` and
      ``pair_weak_seg_map``, two masks each that later transforms do not
      touch

    Added Keys:

    - overlap_boxes, valid_boxes: of each crop (top, left, bottom, right) in
      pixels of the unflipped crop, lower right exclusive, multiples of the
      stride
    - crop_boxes: of each crop the window in the (padded) image
    - flip, flip_direction: of each crop, for a later ``RandomFlip`` inside
      ``TransformBroadcaster``

    Args:
        crop_size (tuple[int, int]): Height and width in pixels, multiples of
            ``stride``. The paper uses (320, 320) on VOC, (720, 720) on
            Cityscapes.
        iou_range (tuple[float, float]): Lowest and highest intersection over
            union of the two crops, within [0, 1]; at least one position
            always overlaps. (1, 1) gives identical crops (Table 3, VI).
            Defaults to (0.1, 1.0), Sec. 4.1.
        stride (int): A multiple of the distance of two compared positions in
            pixels: ``model.stride`` or, if that is coarser, the stride of the
            features. Defaults to 8, Sec. 4.1.
        pad_val (int | tuple[int]): Value of padded pixels, in the channel
            order of the image. Defaults to (104, 116, 124): the mean of
            ImageNet in BGR, 0 after normalisation.

    Raises:
        ValueError: If the crop is no multiple of the stride or the range is
            out of order or cannot be met.

    Examples:
        >>> unlabeled_pipeline = [
        ...     dict(type='LoadImageFromFile'),
        ...     dict(type='PairedRandomCrop', crop_size=(320, 320)),
        ...     dict(
        ...         type='TransformBroadcaster',
        ...         mapping=dict(
        ...             img='img', flip='flip',
        ...             flip_direction='flip_direction'),
        ...         auto_remap=True,
        ...         transforms=[dict(type='RandomFlip', prob=0.5)]),
        ...     dict(type='PackPairedSegInputs')
        ... ]
    """

    def __init__(self,
                 crop_size: Tuple[int, int],
                 iou_range: Tuple[float, float] = (0.1, 1.0),
                 stride: int = 8,
                 pad_val: Sequence[int] = (104, 116, 124)) -> None:
        if isinstance(crop_size, int):
            crop_size = (crop_size, crop_size)
        if stride < 1 or any(side < stride or side % stride
                             for side in crop_size):
            raise ValueError(
                f'PairedRandomCrop.crop_size={tuple(crop_size)} must be '
                f'multiples of stride={stride}. Change crop_size, or stride '
                'here and in the model.')
        low, high = iou_range
        if not 0 <= low <= high <= 1:
            raise ValueError(
                'PairedRandomCrop.iou_range must be (lowest, highest) with '
                f'0 <= lowest <= highest <= 1, got {tuple(iou_range)}.')
        self.crop_size = tuple(crop_size)
        self.iou_range = (low, high)
        self.stride = stride
        self.pad_val = pad_val
        # Room without limit: fails here if no image at all can do.
        self._offsets(tuple(3 * side for side in crop_size))

    def _offsets(self, image_size: Tuple[int, int]) -> np.ndarray:
        offsets = feasible_offsets(image_size, self.crop_size, self.iou_range,
                                   self.stride)
        if not len(offsets):
            raise ValueError(
                f'No two crops of {self.crop_size} with an offset that is a '
                f'multiple of stride={self.stride} have an IoU within '
                f'iou_range={self.iou_range} in an image of {image_size} '
                '(height, width). Widen PairedRandomCrop.iou_range, make '
                'crop_size smaller, or resize the images larger before.')
        return offsets

    @cache_randomness
    def draw_corners(self, image_size: Tuple[int, int]) -> tuple:
        """Draws the top left corners of both crops.

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
            start = np.random.randint(room + 1)
            first.append(start + max(-int(move), 0))
            second.append(start + max(int(move), 0))
        return tuple(first), tuple(second)

    def transform(self, results: dict) -> dict:
        """Cuts the pair; see the class for the keys."""
        image = results['img']
        size = image.shape[:2]
        corners = self.draw_corners(size)
        results['img'] = [
            self._cut(image, corner, self.pad_val) for corner in corners
        ]
        for key in ('gt_seg_map', 'weak_seg_map'):
            if key not in results:
                continue
            mask = results.pop(key)
            if mask.shape != size:
                raise ValueError(
                    f'{key} has the size {mask.shape}, the image '
                    f'{size}. Transforms before PairedRandomCrop must change '
                    'everything in seg_fields, as those of mmseg do.')
            results[f'pair_{key}'] = [
                self._cut(mask, corner, IGNORE) for corner in corners
            ]
        results['img_shape'] = self.crop_size
        results['crop_boxes'] = [
            (top, left, top + self.crop_size[0], left + self.crop_size[1])
            for top, left in corners
        ]
        results['overlap_boxes'] = overlap_boxes(corners, size, self.crop_size,
                                                 self.stride)
        results['valid_boxes'] = [
            valid_box(size, self.crop_size, self.stride)
        ] * 2
        results['flip'] = [False, False]
        results['flip_direction'] = [None, None]
        return results

    def _cut(self, image: np.ndarray, corner: Tuple[int, int],
             pad_val: Sequence[int]) -> np.ndarray:
        (top, left), (height, width) = corner, self.crop_size
        crop = image[top:top + height, left:left + width]
        if crop.shape[:2] == self.crop_size:
            return crop.copy()  # later transforms may write in place
        # row by row: filling pixel by pixel is far slower
        row = np.full((width, ) + image.shape[2:], pad_val, image.dtype)
        padded = np.repeat(row[None], height, axis=0)
        padded[:crop.shape[0], :crop.shape[1]] = crop
        return padded

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(crop_size={self.crop_size}, '
                f'iou_range={self.iou_range}, stride={self.stride}, '
                f'pad_val={self.pad_val})')
