"""Check for transforms that move the pixels of a view."""
import copy
import random
from typing import List, Optional, Tuple

import numpy as np
import torch
from mmcv.transforms import Compose, KeyMapper

from ..structures import ViewInfo
from ..utils.random_states import (
    preserved_random_states,
)
from .probe_texture import LEAST_SIDE, ProbeTexture, in_place
from .transforms import MultiView
from .transforms.multi_view import recorded_flip

DRAWS = 16
"""Number of runs of each view with the probabilities of the config."""
FORCED_DRAWS = 4
"""Number of further runs, in which every numeric probability is 1."""
IMAGES_TRIED = 20
"""Number of images of which one must be readable."""

_ADVICE = (
    'Put transforms that resize, crop, pad, rotate, warp or flip the whole '
    'image before PairedRandomCrop or SharedRandomCrop. A view may be flipped '
    'once: RandomFlip takes lists for several directions, as in '
    "prob=[0.25, 0.25], direction=['horizontal', 'vertical'].")


def probe_views(dataset) -> None:
    """Raises if pixels of a view are not where its :class:`ViewInfo` says.

    One image runs through the pipeline up to ``MultiView``. Then a probe, a
    random texture with the size, dtype and channels of the window, runs
    through the transforms of each view several times. If the window is too
    small for a decision, a texture of a multiple of its size is used, too.
    After each transform the texture must be where it was, or where the
    recorded flip puts it. Colours, blur, noise and covered parts do not
    matter. Transforms inside of ``RandomApply``, ``RandomChoice`` or
    ``Compose`` also run on their own, so that errors name them and rare ones
    are run.

    The training is not affected: random states are restored, and copies of
    the transforms are run.

    Args:
        dataset (UnlabeledDataset): This or another data set with
            ``get_data_info`` and ``pipeline.transforms``. It is not checked
            without ``MultiView``, or if none of the first images is readable.

    Raises:
        ValueError: If a transform moves pixels or fails; names it and its
            view.
    """
    with preserved_random_states():
        multi_view, results = _run_up_to_views(dataset)
        if results is not None:
            for name in multi_view.views:
                _probe_view(multi_view, name, results)


def _run_up_to_views(
        dataset) -> Tuple[Optional[MultiView], Optional[dict]]:
    transforms = [_copied(step) for step in dataset.pipeline.transforms]
    position = next((i for i, step in enumerate(transforms)
                     if isinstance(step, MultiView)), None)
    if position is None:
        return None, None
    load, *others = transforms[:position]
    for index in range(min(len(dataset), IMAGES_TRIED)):
        try:
            results = load(dataset.get_data_info(index))
        # decoders raise anything; the data set reports such images
        except Exception:
            continue
        for step in others:
            if results is None:
                break
            is_cut = 'windows' in results
            try:
                results = step(results)
            except KeyError as error:
                if not is_cut:
                    raise
                raise ValueError(
                    f'{type(step).__name__} comes after the crop, which '
                    'replaces the image by windows. Put it before the crop or '
                    'into MultiView.views.') from error
        if results is not None:
            return transforms[position], results
    return None, None


def _probe_view(multi_view: MultiView, name: str, results: dict) -> None:
    view = multi_view.views[name]
    start = multi_view.start(results, name)
    image, size = start['img'], start['img_shape']
    steps = [_copied(step) for step in view.transforms]
    forced = [_forced(step) for step in view.transforms]
    factor = -(-LEAST_SIDE // min(size))
    suspects = []
    for times in sorted({1, factor}):
        start['img_shape'] = tuple(times * side for side in size)
        start['img'] = np.resize(image,
                                 (*start['img_shape'], *image.shape[2:]))
        texture = ProbeTexture.of_size(start['img_shape'])
        for seed in range(FORCED_DRAWS + DRAWS):
            random.seed(seed)
            np.random.seed(seed)
            # not torch.manual_seed, which also seeds the devices
            torch.default_generator.manual_seed(seed)
            _walk(forced if seed < FORCED_DRAWS else steps,
                  _Probe(texture, start), f'MultiView.views.{name}', '',
                  suspects)
    if suspects:
        raise suspects[0]


def _walk(steps: list, probe: '_Probe', view: str, outer: str,
          suspects: List[ValueError]) -> None:
    """Runs transforms one after another, the inner ones of each before it.

    Args:
        steps (list): Transforms.
        probe (_Probe): Probe that runs through them.
        view (str): Config key of the transforms.
        outer (str): Names of the transforms around these.
        suspects (list[ValueError]): Errors of transforms with inner ones; an
            inner transform may still turn out to be the cause.
    """
    for step in steps:
        name = outer + getattr(step, '__name__', type(step).__name__)
        branches = _branches(step)
        for branch in branches:
            _walk(branch, copy.copy(probe), view, f'{name} > ', suspects)
        probe.advance(step, f'{name} in {view}')
        if probe.results is None:
            return  # the transform drops such images
        if not probe.is_in_place():
            error = ValueError(f'{name} in {view} moves pixels without '
                               f'recording a flip. {_ADVICE}')
            if not branches:
                raise error
            suspects.append(error)


class _Probe:
    """Texture that runs through the transforms of a view.

    Args:
        texture (ProbeTexture): Texture before any flip.
        results (dict): Input of the transforms.
    """

    def __init__(self, texture: ProbeTexture, results: dict) -> None:
        self.texture = self.expected = texture
        self.info = ViewInfo(*[(0, 0, *texture.grey.shape)] * 2)
        self.results = results
        self.is_changed = True
        self._range = (0, 255)
        self._clean = None

    def advance(self, step, name: str) -> None:
        """Runs a transform, and checks type and size of its result."""
        flip = recorded_flip(self.results)
        self._clean_image()
        self.results = dict(self.results, img=self._clean.copy())
        try:
            self.results = step(self.results)
        except Exception as error:
            raise ValueError(
                f'{name} failed on an image of shape {self._clean.shape} and '
                f'dtype {self._clean.dtype}: {error!r}. Replace it by a '
                'transform that supports such images.') from error
        if self.results is None:
            return
        image = self.results['img']
        if not isinstance(image, np.ndarray):
            raise ValueError(
                f'{name} turns the image into a {type(image).__name__}, '
                'expected an array. Remove it: PackViews makes tensors.')
        if image.shape[:2] != self.info.size:
            raise ValueError(
                f'{name} changes the size {self.info.size} (height, width) '
                f'to {image.shape[:2]}. {_ADVICE}')
        info = self.info.flipped(recorded_flip(self.results))
        self.expected = self.texture.as_seen(info)
        self.is_changed = info.flip != flip or not np.array_equal(
            image, self._clean)

    def is_in_place(self) -> bool:
        """Whether the texture is where the recorded flip puts it."""
        return (not self.is_changed or min(self.info.size) < LEAST_SIDE
                or in_place(self.expected, self.results['img']))

    def _clean_image(self) -> None:
        """Redraws the texture, so that degradations do not add up."""
        image = self.results['img']
        if not self.is_changed:
            return
        if image.dtype != np.uint8:
            low, high = float(image.min()), float(image.max())
            if np.isfinite([low, high]).all() and low < high:
                self._range = (low, high)
        self._clean = self.expected.painted(image, *self._range)


def _branches(step) -> List[list]:
    """Lists of inner transforms, of which a transform runs one or all."""
    inner = getattr(step, 'transforms', None)
    if isinstance(step, KeyMapper):  # inner ones may need other keys
        return []
    if isinstance(inner, Compose):
        return [inner.transforms]
    if isinstance(step, Compose):
        return [inner]
    if isinstance(inner, (list, tuple)) and all(
            isinstance(branch, Compose) for branch in inner):
        return [branch.transforms for branch in inner]
    return []


def _copied(step):
    try:
        return copy.deepcopy(step)
    except Exception:
        return step  # for instance with an open file


def _forced(step):
    """Copy of a transform whose numeric probabilities are 1."""
    copied = _copied(step)
    if copied is not step:
        _set_probabilities(copied)
    return copied


def _set_probabilities(thing) -> None:
    if isinstance(thing, (list, tuple)):
        for part in thing:
            _set_probabilities(part)
        return
    for key, value in list(getattr(thing, '__dict__', {}).items()):
        if key in ('transforms', 'aug'):  # mmcv; mmseg's Albu
            _set_probabilities(value)
        elif (key == 'p' or key.endswith('prob')) and isinstance(
                value, float) and 0 < value < 1:
            setattr(thing, key, 1.)
