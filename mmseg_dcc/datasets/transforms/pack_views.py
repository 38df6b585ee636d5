from typing import Dict, Sequence

import numpy as np
import torch
from mmcv.transforms import BaseTransform
from mmengine.structures import PixelData
from mmseg.registry import TRANSFORMS
from mmseg.structures import SegDataSample


@TRANSFORMS.register_module()
class PackViews(BaseTransform):
    """Packs the views of an image into the inputs of the model.

    Required Keys:

    - views: see :class:`MultiView`

    Added Keys:

    - inputs (Tensor): shape (views, channels, height, width), in the dtype
      of the images
    - data_samples (SegDataSample): if the image has masks,
      ``gt_sem_seg`` (for the log) and ``weak_sem_seg`` (for
      :class:`WeakLabels`), shape (views, height, width), flipped as the views
      are; its metainfo holds ``views``, the :class:`ViewInfo` of each name in
      the order of ``inputs``, and the ``meta_keys``

    Args:
        meta_keys (Sequence[str]): Further keys to keep if present. Defaults
            to the paths, shapes and scale of the image.

    Raises:
        ValueError: If there are no views, or they differ in shape or dtype.

    Examples:
        >>> unlabeled_pipeline = [..., dict(type='PackViews')]
    """

    def __init__(
        self,
        meta_keys: Sequence[str] = ('img_path', 'weak_seg_map_path',
                                    'ori_shape', 'img_shape', 'scale_factor')
    ) -> None:
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        """Packs the views; see the class for the keys."""
        views = results.get('views')
        if not views:
            raise ValueError('PackViews needs the views of MultiView. Put '
                             'MultiView before it in the unlabeled pipeline.')
        sample = SegDataSample()
        for kind in next(iter(views.values()))['masks']:
            masks = [
                view['info'].upright(torch.from_numpy(view['masks'][kind]))
                for view in views.values()
            ]
            sample.set_field(
                PixelData(data=torch.stack(masks)), f'{kind}_sem_seg')
        sample.set_metainfo(
            dict(
                {key: results[key]
                 for key in self.meta_keys if key in results},
                views={name: view['info']
                       for name, view in views.items()}))
        return dict(inputs=_stack(views), data_samples=sample)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(meta_keys={self.meta_keys})'


def _stack(views: Dict[str, dict]) -> torch.Tensor:
    kinds = {
        name: (view['img'].shape, str(view['img'].dtype))
        for name, view in views.items()
    }
    if len(set(kinds.values())) > 1:
        raise ValueError(
            'The views of an image must have the same shape and dtype, got '
            f'{kinds}. Give all MultiView.views the transforms that change '
            'them.')
    # one copy, even of a flipped image, which shares memory
    return torch.from_numpy(
        np.array([
            np.atleast_3d(view['img']).transpose(2, 0, 1)
            for view in views.values()
        ]))
