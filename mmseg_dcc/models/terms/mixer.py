"""Mixer of the images of a batch, configured by the terms."""
import logging
from typing import Dict, Optional, Sequence, Union

import torch
from mmengine.logging import print_log
from torch import Tensor

from ..mixing import (
    NO_CLASS,
    class_masks,
    cutmix_boxes,
    half_box_masks,
    mix,
    partners,
    three_box_masks,
)
from ..semi_batch import View

KINDS = ('cutmix', 'half_box', 'three_boxes', 'classmix')


class Mixer:
    """Mixer that pastes parts of one image of a batch into another.

    Labels and other maps are mixed like the images.

    Args:
        kind (str): 'cutmix': one box, as in UniMatch. 'half_box': one box of
            half the image, as in CutMix-Seg (French et al., BMVC 2020).
            'three_boxes': the exclusive or of three boxes, as in CPS with
            CutMix. 'classmix': half of the classes of the partner (Olsson et
            al., WACV 2021). Defaults to 'cutmix'.
        area_range (tuple[float, float]): For 'cutmix': share of the image
            that a box covers. Defaults to (0.02, 0.4), UniMatch.
        ratio_range (tuple[float, float]): For 'cutmix': height over width of
            a box. Defaults to (0.3, 1 / 0.3), UniMatch.
        prob (float): For 'cutmix': probability that an image is mixed.
            Defaults to 0.5, UniMatch.
        partner (str): 'flip': the batch is reversed, as in UniMatch V2 (the
            middle image of an odd batch is its own partner). 'roll': the
            previous image. Defaults to 'flip'.

    Raises:
        ValueError: If an argument is out of range.

    Examples:
        >>> terms = dict(
        ...     pseudo=dict(
        ...         type='PseudoLabels',
        ...         mix=dict(area_range=(0.25, 0.5), prob=1., partner='roll')))
    """

    def __init__(self,
                 kind: str = 'cutmix',
                 area_range: Sequence[float] = (0.02, 0.4),
                 ratio_range: Sequence[float] = (0.3, 1 / 0.3),
                 prob: float = 0.5,
                 partner: str = 'flip') -> None:
        if kind not in KINDS:
            raise ValueError(f'mix of a term: kind={kind!r} is unknown; '
                             f'choose one of {KINDS}.')
        if partner not in ('flip', 'roll'):
            raise ValueError(f'mix of a term: partner={partner!r} is unknown; '
                             "choose 'flip' or 'roll'.")
        if not 0 < area_range[0] <= area_range[1] <= 1:
            raise ValueError('mix of a term: expected area_range = (min, max) '
                             f'with 0 < min <= max <= 1, got {area_range}.')
        if not 0 < ratio_range[0] <= ratio_range[1] or not 0 <= prob <= 1:
            raise ValueError(
                'mix of a term: expected ratio_range = (min, max) with 0 < '
                f'min <= max and prob in [0, 1], got {ratio_range} and '
                f'{prob}.')
        self.kind = kind
        self.area_range = tuple(area_range)
        self.ratio_range = tuple(ratio_range)
        self.prob = prob
        self.partner = partner

    @classmethod
    def of(cls, mix_config: Union[None, str, dict]) -> Optional['Mixer']:
        """Mixer from a kind or from arguments; None stays None.

        Args:
            mix_config (None | str | dict): ``mix`` of a term.
        """
        if mix_config is None:
            return None
        if isinstance(mix_config, str):
            mix_config = dict(kind=mix_config)
        return cls(**mix_config)

    def draw(self,
             images: Tensor,
             labels: Optional[Tensor] = None,
             valid: Optional[Tensor] = None) -> Tensor:
        """Random masks of the regions in which the partner is pasted.

        Args:
            images (Tensor): Shape (N, channels, H, W).
            labels (Tensor, optional): Labels of each image, int64, shape
                (N, H, W); used only by 'classmix'. Negative ids belong to no
                class. Defaults to None.
            valid (Tensor, optional): bool, shape (N, H, W), False in
                padding, which belongs to no class. Defaults to None: no
                padding.

        Returns:
            Tensor: bool, shape (N, 1, H, W).

        Raises:
            ValueError: If 'classmix' gets no labels.
        """
        count, size = len(images), images.shape[2:]
        if self.kind == 'classmix':
            return self._partners_classes(labels, valid)
        if self.kind == 'three_boxes':
            masks = three_box_masks(count, size)
        elif self.kind == 'half_box':
            masks = half_box_masks(count, size)
        else:
            masks = cutmix_boxes(count, size, self.area_range,
                                 self.ratio_range, self.prob)
        return masks.to(images.device)

    def _partners_classes(self, labels, valid):
        if labels is None:
            raise ValueError(
                "mix of a term: 'classmix' needs the labels of the images, "
                'which this term does not have when it mixes. Set '
                "mix='cutmix', or pass labels to Mixer.draw.")
        if valid is not None:
            labels = labels.masked_fill(~valid, NO_CLASS)
        # The published mask is that of the pasted image, this one that of
        # the image into which it is pasted.
        return partners(class_masks(labels), self.partner)

    def __call__(self, maps: Tensor, masks: Tensor) -> Tensor:
        """Mixed maps of a batch.

        Args:
            maps (Tensor): Shape (N, C, H, W) or (N, H, W).
            masks (Tensor): Result of :meth:`draw`.

        Returns:
            Tensor: Same shape.
        """
        return mix(maps, partners(maps, self.partner), masks)


@torch.no_grad()
def mixed_view(labeled: View, seen: View, targets: Dict[str, Tensor],
               mixer: Optional[Mixer]) -> Dict[str, Tensor]:
    """Images of one view with the targets of another, moved and mixed.

    Args:
        labeled (View): View to which the targets belong.
        seen (View): View of the same images that is trained. It may show
            another window.
        targets (dict[str, Tensor]): Maps of shape (U, H, W) or (U, C, H, W).
            ``valid``, bool, is required; 'classmix' also needs ``labels``,
            int64.
        mixer (Mixer, optional): None for no mixing.

    Returns:
        dict[str, Tensor]: The targets and ``images``. ``valid`` is False in
        the padding of both views and outside the window of ``labeled``.
    """
    maps = {key: labeled.move(m, seen, 0) for key, m in targets.items()}
    # Regions outside the label view are treated like padding.
    maps['valid'] = maps['valid'] & seen.valid
    maps['images'] = seen.images
    if mixer:
        masks = mixer.draw(seen.images, maps.get('labels'), maps['valid'])
        maps = {key: mixer(m, masks) for key, m in maps.items()}
    return maps


def warn_about_single_images(loader) -> None:
    """Warns if a batch has a single unlabeled image, which cannot be mixed.

    Args:
        loader (DataLoader): Dataloader with
            :class:`MultiSourceBatchSampler`.
    """
    sampler = loader.batch_sampler
    count = sum(
        number for number, unlabeled in zip(sampler.images_per_batch,
                                            sampler.is_unlabeled) if unlabeled)
    if count < 2:
        print_log(
            'A term mixes unlabeled images, but each process has only '
            f'{count} in a batch, so that nothing is mixed. Raise '
            'train_dataloader.batch_size (or the share of unlabeled images in '
            'batch_sampler.source_ratio), or set mix=None in the term.',
            logger='current',
            level=logging.WARNING)
