"""Mixing of the images of a batch as terms configure it."""
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
    """Pastes parts of another image of the batch, of labels likewise.

    Args:
        kind (str): 'cutmix', one box as in UniMatch; 'half_box', one box of
            half the image, as in CutMix-Seg (French et al., BMVC 2020);
            'three_boxes', whose overlaps cancel, as in the CutMix of CPS;
            'classmix', half of the classes that the partner has (Olsson et
            al., WACV 2021). Defaults to 'cutmix'.
        area_range (tuple[float, float]): Of 'cutmix': share of the image
            that a box covers. Defaults to (0.02, 0.4), UniMatch.
        ratio_range (tuple[float, float]): Of 'cutmix': height over width of
            a box. Defaults to (0.3, 1 / 0.3), UniMatch.
        prob (float): Of 'cutmix': probability that an image is mixed at all.
            Defaults to 0.5, UniMatch.
        partner (str): 'flip', the batch reversed, as in UniMatch V2 (the
            middle image of an odd batch meets itself), or 'roll', the image
            before. Defaults to 'flip'.

    Raises:
        ValueError: If an argument is out of its range.

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
            raise ValueError('mix of a term: expected two shares with 0 < '
                             f'least <= most <= 1, got area_range={area_range}'
                             '.')
        if not 0 < ratio_range[0] <= ratio_range[1] or not 0 <= prob <= 1:
            raise ValueError(
                'mix of a term: expected ratio_range = (least, most) > 0 and '
                f'prob in [0, 1], got {ratio_range} and {prob}.')
        self.kind = kind
        self.area_range = tuple(area_range)
        self.ratio_range = tuple(ratio_range)
        self.prob = prob
        self.partner = partner

    @classmethod
    def of(cls, mix_config: Union[None, str, dict]) -> Optional['Mixer']:
        """None stays None, a name becomes a mixer of that kind.

        Args:
            mix_config (None | str | dict): Of a term.
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
        """Where each image shows its partner.

        Args:
            images (Tensor): Shape (N, channels, H, W).
            labels (Tensor, optional): Of each image, int64, shape (N, H, W);
                read by 'classmix' alone. Negative ids are no class. Defaults
                to None.
            valid (Tensor, optional): bool, shape (N, H, W). Where the labels
                count; False in padding, which is no class. Defaults to None:
                everywhere.

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
                "mix of a term: 'classmix' draws from the labels of the "
                'images, and this term has none when it mixes. Choose '
                "mix='cutmix', or pass labels to Mixer.draw.")
        if valid is not None:
            labels = labels.masked_fill(~valid, NO_CLASS)
        # the published mask is of what is pasted, ours of where
        return partners(class_masks(labels), self.partner)

    def __call__(self, maps: Tensor, masks: Tensor) -> Tensor:
        """Mixes maps of the batch.

        Args:
            maps (Tensor): Shape (N, C, H, W) or (N, H, W).
            masks (Tensor): Of :meth:`draw`.

        Returns:
            Tensor: Of the shape given.
        """
        return mix(maps, partners(maps, self.partner), masks)


@torch.no_grad()
def mixed_view(labeled: View, seen: View, targets: Dict[str, Tensor],
               mixer: Optional[Mixer]) -> Dict[str, Tensor]:
    """Images of a view, and the targets of another as it sees them, mixed.

    Args:
        labeled (View): Of which the targets are.
        seen (View): Of the same images. It need not show the same window.
        targets (dict[str, Tensor]): Maps of shape (U, H, W) or (U, C, H, W).
            ``valid``, bool, must be among them; 'classmix' wants ``labels``,
            int64.
        mixer (Mixer, optional): None: not mixed.

    Returns:
        dict[str, Tensor]: The targets and ``images``. ``valid`` is False in
        the padding of both views and in what the labeled one does not show.
    """
    maps = {key: labeled.move(m, seen, 0) for key, m in targets.items()}
    # What the label view does not show counts as little as padding.
    maps['valid'] = maps['valid'] & seen.valid
    maps['images'] = seen.images
    if mixer:
        masks = mixer.draw(seen.images, maps.get('labels'), maps['valid'])
        maps = {key: mixer(m, masks) for key, m in maps.items()}
    return maps


def warn_about_single_images(loader) -> None:
    """Warns if a process has one unlabeled image: nothing to mix it with.

    Args:
        loader (DataLoader): With :class:`MultiSourceBatchSampler`.
    """
    sampler = loader.batch_sampler
    count = sum(
        number for number, unlabeled in zip(sampler.images_per_batch,
                                            sampler.is_unlabeled) if unlabeled)
    if count < 2:
        print_log(
            'A term mixes unlabeled images, but each process has only '
            f'{count} in a batch, which would be mixed with itself: nothing '
            'is mixed. Raise train_dataloader.batch_size (or the share of '
            'unlabeled images in batch_sampler.source_ratio), or set mix=None '
            'of the term.',
            logger='current',
            level=logging.WARNING)
