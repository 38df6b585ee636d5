from typing import Sequence

import mmcv
import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData
from mmseg.registry import TRANSFORMS
from mmseg.structures import SegDataSample


@TRANSFORMS.register_module()
class PackPairedSegInputs(BaseTransform):
    """Packs a pair of crops as the model expects it.

    Required Keys:

    - img (list of two arrays of one shape)
    - overlap_boxes, valid_boxes, flip, flip_direction: see
      :class:`PairedRandomCrop`
    - pair_gt_seg_map, pair_weak_seg_map (optional): masks of the crops
      before their flips

    Added Keys:

    - inputs (Tensor): uint8, shape (2, channels, height, width)
    - data_samples (SegDataSample): ``gt_sem_seg`` (for the log) and
      ``weak_sem_seg`` (for :class:`WeakDCCSegmentor`) with the masks of both
      crops, shape (2, height, width), if there are any; its metainfo holds
      ``overlap_boxes``, ``valid_boxes``, ``flips`` (the direction of each
      crop's flip or None) and the ``meta_keys``

    Args:
        meta_keys (Sequence[str]): Further keys to keep where present.
            Defaults to the paths, shapes and windows of the crops.

    Examples:
        >>> unlabeled_pipeline = [..., dict(type='PackPairedSegInputs')]
    """

    def __init__(
        self,
        meta_keys: Sequence[str] = ('img_path', 'weak_seg_map_path',
                                    'ori_shape', 'img_shape', 'scale_factor',
                                    'crop_boxes')
    ) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        """Packs the pair; see the class for the keys."""
        if not isinstance(results['img'], list) or len(results['img']) != 2:
            raise ValueError(
                'PackPairedSegInputs needs the two crops of PairedRandomCrop, '
                f'got {type(results["img"]).__name__}. Put PairedRandomCrop '
                'before it in the unlabeled pipeline.')
        # one copy, also of a flipped crop, which is a view
        pair = np.array([crop.transpose(2, 0, 1) for crop in results['img']])
        flips = [
            direction if flipped else None for flipped, direction in zip(
                results['flip'], results['flip_direction'])
        ]
        sample = SegDataSample()
        for key in ('gt', 'weak'):
            if f'pair_{key}_seg_map' in results:
                masks = [
                    mmcv.imflip(mask, flip) if flip else mask for mask, flip in
                    zip(results[f'pair_{key}_seg_map'], flips)
                ]
                sample.set_field(
                    PixelData(data=torch.from_numpy(np.array(masks))),
                    f'{key}_sem_seg')
        sample.set_metainfo(
            dict(
                {key: results[key]
                 for key in self.meta_keys if key in results},
                overlap_boxes=results['overlap_boxes'],
                valid_boxes=results['valid_boxes'],
                flips=flips))
        return dict(inputs=torch.from_numpy(pair), data_samples=sample)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'
