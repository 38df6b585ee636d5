"""What the terms see of a training batch, computed once however many ask."""
from functools import cached_property
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import torch
from mmseg.models.utils import resize
from mmseg.utils import SampleList
from torch import Tensor, nn

from ..structures import ViewInfo
from ..structures.view_info import Box
from .head_features import encoder_features
from .running_norms import running_norms

UNKNOWN_IN_FILES = 255
"""Id of a pixel without a label in the masks of unlabeled images."""


def at_image_size(head: nn.Module, scores: Tensor, size) -> Tensor:
    """Scores of a head, resized as its own loss and inference do.

    Args:
        head (nn.Module): A ``BaseDecodeHead``.
        scores (Tensor): Shape (N, C, h, w).
        size (tuple[int, int]): Height and width of the images.

    Returns:
        Tensor: Shape (N, C, H, W).
    """
    return resize(
        scores,
        size=tuple(size),
        mode='bilinear',
        align_corners=head.align_corners)


class LabeledPart:
    """Labeled images with what the stock loss computed on them.

    Args:
        images (Tensor): Shape (B, C, H, W).
        samples (list[SegDataSample]): With ``gt_sem_seg``.
        recorded (list): What :func:`recorded_classifier` recorded during the
            stock loss; empty if no term asked for it.
        head (nn.Module): The head that classifies pixels.
    """

    def __init__(self, images: Tensor, samples: SampleList, recorded: list,
                 head: nn.Module) -> None:
        self.images = images
        self.samples = samples
        self._recorded = recorded
        self._head = head

    def _of_first_call(self) -> tuple:
        # A cascade runs the heads before the last a second time.
        if not self._recorded:
            raise RuntimeError(
                'A term reads features or scores of the labeled images, but '
                'does not ask for them. Set needs_labeled = True in its '
                'class.')
        return self._recorded[0]

    @property
    def features(self) -> Tensor:
        """What entered the classifier, shape (B, channels, h, w)."""
        return self._of_first_call()[0]

    @cached_property
    def scores(self) -> Tensor:
        """Class scores at image size, shape (B, out_channels, H, W)."""
        return at_image_size(self._head,
                             self._of_first_call()[1], self.images.shape[2:])

    @cached_property
    def masks(self) -> Tensor:
        """Labels, int64, shape (B, H, W); the head's ``ignore_index``."""
        return torch.cat([sample.gt_sem_seg.data for sample in self.samples])


class View:
    """One named view of all unlabeled images of a batch.

    Args:
        model (SemiEncoderDecoder): The segmentor in training.
        images (Tensor): Normalised, shape (U, C, H, W).
        infos (list[ViewInfo]): Geometry of each.
        samples (list[SegDataSample]): Of the images.
        index (int): Of the view in the masks of the samples.
    """

    def __init__(self, model: nn.Module, images: Tensor,
                 infos: List[ViewInfo], samples: SampleList,
                 index: int) -> None:
        self._model = model
        self._samples = samples
        self._index = index
        self.images = images
        self.infos = infos
        self._computed: Dict[str, Tuple[bool, Tensor]] = {}

    @property
    def features(self) -> Tensor:
        """f = E(x) of the student, shape (U, channels, h, w)."""
        return self._once(
            'features', lambda: encoder_features(self._model, self.images))

    @property
    def scores(self) -> Tensor:
        """The student's scores at image size, (U, out_channels, H, W)."""
        return self._once(
            'scores', lambda: self._model.scores_of(self.features, self.images.
                                                    shape[2:]))

    def _once(self, name: str, compute: Callable[[], Tensor]) -> Tensor:
        # What a term computed without gradient does not serve one that wants
        # it: the loss would have none, without a word.
        with_grad, found = self._computed.get(name, (False, None))
        if found is None or torch.is_grad_enabled() and not with_grad:
            with running_norms(self._model, self._model.unlabeled_norm_eval):
                found = compute()
            self._computed[name] = torch.is_grad_enabled(), found
        return found

    @cached_property
    @torch.no_grad()
    def teacher_scores(self) -> Tensor:
        """The teacher's scores at image size, without gradient."""
        size = tuple(self.images.shape[2:])
        metas = [dict(img_shape=size, pad_shape=size)] * len(self.images)
        return self._model.teacher.encode_decode(self.images, metas)

    @cached_property
    def valid(self) -> Tensor:
        """True where the view shows the image, not padding, (U, H, W)."""
        return torch.stack(
            [info.valid_mask(self.images.device) for info in self.infos])

    def upright(self, maps: Tensor) -> Tensor:
        """Undoes the flips of a map an image, shape (U, ..., h, w)."""
        return torch.stack(
            [info.upright(single) for info, single in zip(self.infos, maps)])

    # Boxes differ from batch to batch: each would be compiled anew.
    @torch.compiler.disable
    def rows(self, maps: Tensor, boxes: Sequence[Box]) -> Tensor:
        """Rows of the positions inside one box an image, image after image.

        Args:
            maps (Tensor): Upright, shape (U, C, h, w).
            boxes (Sequence[Box]): See :meth:`ViewInfo.cut`.

        Returns:
            Tensor: Shape (positions of all boxes, C).
        """
        return torch.cat([
            info.cut(single, box).flatten(1).T
            for info, single, box in zip(self.infos, maps, boxes)
        ])

    def move(self, maps: Tensor, other: 'View', fill: float) -> Tensor:
        """Shows maps of this view as another view sees them.

        Args:
            maps (Tensor): Shape (U, ..., H, W).
            other (View): Another view of the same images.
            fill (float): Value of what this view does not show.

        Returns:
            Tensor: Of the shape given.
        """
        if self.infos == other.infos:
            return maps
        return torch.stack([
            info.move(single, of_other, fill) for info, single, of_other in
            zip(self.infos, maps, other.infos)
        ])

    # Masks are there or not: nothing to be gained by compiling.
    @torch.compiler.disable
    def masks(self, kind: str) -> List[Optional[Tensor]]:
        """Masks of the unlabeled images, as flipped as the view.

        Args:
            kind (str): 'gt' for the log alone, 'weak' for weak masks.

        Returns:
            list[Tensor | None]: int64, shape (H, W) each; 255 where unknown.
        """
        key = f'{kind}_sem_seg'
        return [
            sample.get(key).data[self._index].to(self.images.device).long()
            if key in sample else None for sample in self._samples
        ]


class SemiBatch:
    """A training batch as the terms see it.

    Args:
        model (SemiEncoderDecoder): The segmentor in training.
        labeled (LabeledPart): The labeled images.
        images (Tensor): Views of the unlabeled images, normalised, shape
            (U, V, C, H, W).
        samples (list[SegDataSample]): Of the unlabeled images, with ``views``
            in their metainfo (:class:`PackViews`).
    """

    def __init__(self, model: nn.Module, labeled: LabeledPart, images: Tensor,
                 samples: SampleList) -> None:
        self.model = model
        self.labeled = labeled
        self.samples = samples
        self.iteration = model.iteration
        #: Share of the training that is over, in [0, 1].
        self.progress = min(self.iteration / model.max_iters,
                            1.) if model.max_iters else 0.
        names = list(samples[0].metainfo['views'])
        self.views: Dict[str, View] = {
            name: View(model, images[:, index],
                       [sample.metainfo['views'][name] for sample in samples],
                       samples, index)
            for index, name in enumerate(names)
        }

    def view(self, name: str) -> View:
        """One view of all unlabeled images.

        Args:
            name (str): As in ``MultiView`` of the unlabeled pipeline.

        Raises:
            KeyError: If the pipeline makes no such view.
        """
        if name not in self.views:
            raise KeyError(
                f'A term asks for the view {name!r}, but the unlabeled '
                f'pipeline makes {[*self.views]}. Change MultiView.views, or '
                'the name in the term.')
        return self.views[name]

    def encode(self,
               images: Tensor,
               perturb: Optional[Callable[[Tensor], Tensor]] = None) -> Tensor:
        """Scores of the student on images that are no view, such as mixes.

        Args:
            images (Tensor): Shape (N, C, H, W); views that shall share their
                batch statistics are concatenated.
            perturb (Callable, optional): See :func:`encoder_features`.

        Returns:
            Tensor: At image size, shape (N, out_channels, H, W).
        """
        with running_norms(self.model, self.model.unlabeled_norm_eval):
            features = encoder_features(self.model, images, perturb)
            return self.model.scores_of(features, images.shape[2:])
