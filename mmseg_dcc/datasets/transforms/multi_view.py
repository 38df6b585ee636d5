from typing import List, NamedTuple, Optional

import numpy as np
from mmcv.transforms import BaseTransform
from mmseg.registry import TRANSFORMS

IMAGE_KEYS = ('img', 'windows', 'views', 'gt_seg_map', 'weak_seg_map')
"""Keys of the image that a view gets of its own or not at all."""


class View(NamedTuple):
    """Named view of the pipeline."""

    window: int
    """Index of the window that it shows."""
    transforms: List[BaseTransform]
    """Image transforms, in their order."""


@TRANSFORMS.register_module()
class MultiView(BaseTransform):
    """Makes named views of an image, each with image transforms of its own.

    Each view is a copy of one window cut by the crop before. Stock transforms
    of mmcv, mmseg and mmpretrain run on it unchanged: they find ``img``,
    ``img_shape``, ``flip`` and the keys of the image, such as ``img_path``.
    They may change colours and flip the view once, by ``RandomFlip``. Any
    other transform that moves pixels belongs before the crop; in a view it
    raises an error before training (:func:`probe_views`). Masks are not
    transformed here, :class:`PackViews` flips them.

    Views are made in the order of ``views``. The name follows
    ``MultiBranch`` of MMDetection.

    Required Keys:

    - windows: see :class:`PairedRandomCrop` and :class:`SharedRandomCrop`

    Added Keys:

    - views (dict): ``dict(img=, masks=, info=ViewInfo)`` by name

    Args:
        views (dict): ``dict(window=0, transforms=[...])`` by name; a list of
            transforms is short for those of window 0.

    Raises:
        ValueError: If there are no views, a view is in neither form, or a
            view shows a window that the crop does not cut.

    Examples:
        >>> dict(  # two windows of PairedRandomCrop
        ...     type='MultiView',
        ...     views=dict(
        ...         a=dict(window=0, transforms=augment),
        ...         b=dict(window=1, transforms=augment)))
        >>> dict(  # the window of SharedRandomCrop
        ...     type='MultiView',
        ...     views=dict(weak=[], strong1=augment, strong2=augment))
    """

    def __init__(self, views: dict) -> None:
        if not isinstance(views, dict) or not views:
            raise ValueError(
                'MultiView.views must name one view or more, such as '
                f'dict(weak=[], strong=[...]), got {views!r}.')
        self.views = {
            name: _build(name, config)
            for name, config in views.items()
        }

    def transform(self, results: dict) -> Optional[dict]:
        """Makes the views; None if a transform drops the image."""
        views = {}
        for name, view in self.views.items():
            seen = self.start(results, name)
            for transform in view.transforms:
                seen = transform(seen)
                if seen is None:
                    return None
            info = results['windows'][view.window]['info']
            views[name] = dict(
                img=seen['img'],
                masks=results['windows'][view.window]['masks'],
                info=info.flipped(recorded_flip(seen)))
            if seen['img'].shape[:2] != info.size:
                raise ValueError(
                    f'The view {name!r} of MultiView became '
                    f'{tuple(seen["img"].shape[:2])} px, its window has '
                    f'{info.size} (height, width). Put transforms that '
                    'resize, crop or pad before the crop.')
        results['views'] = views
        return results

    def start(self, results: dict, name: str) -> dict:
        """Input of the transforms of a view.

        Args:
            results (dict): Results with ``windows``.
            name (str): Name of the view.

        Returns:
            dict: The keys of the image with a copy of the window as ``img``,
            not flipped and without masks.
        """
        number = self.views[name].window
        windows = results.get('windows', ())
        if number >= len(windows):
            raise ValueError(
                f'MultiView.views.{name} shows window {number}, but the '
                f'crop before it cuts {len(windows)}. PairedRandomCrop cuts '
                'windows 0 and 1, SharedRandomCrop window 0: change the crop '
                f'or MultiView.views.{name}.window.')
        window = windows[number]
        seen = {
            key: value
            for key, value in results.items()
            if key not in IMAGE_KEYS and not isinstance(value, np.ndarray)
        }
        seen.update(
            img=window['img'].copy(),  # transforms may write in place
            img_shape=window['info'].size,
            seg_fields=[],
            flip=False,
            flip_direction=None)
        return seen

    def __repr__(self) -> str:
        views = ', '.join(f'{name}=(window={view.window}, '
                          f'transforms={view.transforms})'
                          for name, view in self.views.items())
        return f'{type(self).__name__}({views})'


def recorded_flip(results: dict) -> Optional[str]:
    """Direction of the flip that ``RandomFlip`` recorded, or None."""
    return results['flip_direction'] if results['flip'] else None


def _build(name: str, config) -> View:
    if isinstance(config, (list, tuple)):
        config = dict(transforms=config)
    if not isinstance(config, dict) or set(config) - {'window', 'transforms'}:
        raise ValueError(
            f'MultiView.views.{name} must be a list of transforms or '
            f'dict(window=0, transforms=[...]), got {config!r}.')
    window = config.get('window', 0)
    if not isinstance(window, int) or window < 0:
        raise ValueError(
            f'MultiView.views.{name}.window must be the index of a window, '
            f'0 or more, got {window!r}.')
    return View(window, [
        TRANSFORMS.build(transform) if isinstance(transform, dict) else
        transform for transform in config.get('transforms', [])
    ])
