"""Directional Context-aware Consistency (Sec. 3) as a term."""
from typing import List, Optional, Sequence

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...datasets.checks import find_transform
from ...datasets.plain_datasets import unlabeled_datasets
from ...datasets.transforms import PairedRandomCrop
from ..diagnostics import pseudo_label_precision, true_labels
from ..head_features import confidence_and_pseudo_label, encoder_features
from ..pool_to_stride import pool_to_stride
from ..semi_batch import SemiBatch, View
from .semi_term import SemiTerm


@MODELS.register_module()
class DirectionalContrast(SemiTerm):
    """Consistency of two overlapping views of an image (Sec. 3.2).

    The features of their overlap, projected and normalised, are pulled
    together by the DC loss and pushed from features of other pseudo labels.

    Args:
        views (tuple[str, str]): The two views. Defaults to ('a', 'b').
        stride (int): Least distance of two compared positions in pixels:
            finer features are average-pooled, coarser ones compared at their
            own stride. ``PairedRandomCrop.stride`` must be a multiple of the
            distance. Defaults to 8, Sec. 4.1.
        projector (dict, optional): Config of the projector, a
            ``PixelProjector`` if no type is named; ``in_channels`` is filled
            in. Defaults to None: the features themselves are compared
            (Table 3, VII).
        bank (dict, optional): ``rows`` (int): features that one process
            takes at random from each view of its whole unlabeled batch, fewer
            if there are fewer; ``steps`` (int): steps kept. Defaults to None:
            3,200 and 3, the 19.2k a GPU that did best in Table 4.
        loss (dict, optional): Config of a :class:`PairLoss`. Defaults to
            None: :class:`DirectionalContrastiveLoss` with the paper's values.
        **kwargs: See :class:`SemiTerm`.

    Raises:
        ValueError: If a bank is configured for a loss without negatives.

    Examples:
        >>> model = dict(
        ...     type='SemiEncoderDecoder',
        ...     terms=dict(
        ...         dc=dict(
        ...             type='DirectionalContrast', views=('a', 'b'), stride=8,
        ...             projector=dict(out_channels=128),
        ...             bank=dict(rows=3200, steps=3),
        ...             loss=dict(temperature=0.1,
        ...                       confidence_threshold=0.75))))
    """

    def __init__(self,
                 views: Sequence[str] = ('a', 'b'),
                 stride: int = 8,
                 projector: Optional[dict] = None,
                 bank: Optional[dict] = None,
                 loss: Optional[dict] = None,
                 **kwargs) -> None:
        super().__init__(views=views, **kwargs)
        if len(self.views) != 2:
            raise ValueError('DirectionalContrast compares two views, got '
                             f'views={self.views}. Change model.terms.')
        self.stride = stride
        self.pair_loss = MODELS.build({
            'type': 'DirectionalContrastiveLoss',
            **(loss or {})
        })
        if bank is not None and not self.pair_loss.needs_negatives:
            raise ValueError(
                f'{type(self.pair_loss).__name__} compares no negatives, but '
                'the memory bank would collect some. Set bank=None of the '
                'term (model.memory_bank=None of DCCSegmentor).')
        self.rows = (bank or {}).get('rows', 3200)
        self._projector = projector
        self._bank = {key: v for key, v in (bank or {}).items()
                      if key != 'rows'}
        self.projector: nn.Module = nn.Identity()
        self.bank: Optional[nn.Module] = None
        # Of the last step, upright, for hooks: confidence, pseudo label and
        # true label (-1: unknown), shape (view, image, 3, h, w).
        self.last_judgement: Optional[Tensor] = None

    def bind(self, segmentor: nn.Module) -> None:
        """Builds projector and memory bank for the segmentor's features."""
        channels = segmentor.pixel_head.channels
        if self._projector is not None:
            self.projector = MODELS.build({
                'type': 'PixelProjector',
                'in_channels': channels,
                **self._projector
            })
            channels = self.projector.out_channels
        if self.pair_loss.needs_negatives:
            self.bank = MODELS.build({
                'type': 'FeatureMemoryBank',
                'channels': channels,
                'slot_size': 2 * self.rows,
                **self._bank
            })

    @torch.no_grad()
    def check(self, segmentor: nn.Module, loader) -> None:
        """Compares the crops with the features and with the loss.

        Raises:
            ValueError: If features of such crops do not fit the stride, or
                the loss makes no sense on such pairs.
        """
        super().check(segmentor, loader)
        for dataset in unlabeled_datasets(loader.dataset):
            crop = find_transform(dataset, PairedRandomCrop)
            if crop is not None:
                self.pair_loss.check_pairs(crop.iou_range)
                self.check_crops(segmentor, crop.crop_size, crop.stride)

    @torch.no_grad()
    def check_crops(self, segmentor: nn.Module, crop_size: Sequence[int],
                    crop_stride: int) -> int:
        """Distance in pixels at which features of such crops are compared.

        Args:
            segmentor (SemiEncoderDecoder): Its mode is put back.
            crop_size (tuple[int, int]): Of ``PairedRandomCrop``, in pixels.
            crop_stride (int): Of ``PairedRandomCrop``, in pixels.

        Raises:
            ValueError: If there is none, or the crops are moved by another.
        """
        was_training = segmentor.training
        images = next(segmentor.parameters()).new_zeros(
            1, segmentor.in_channels, *crop_size)
        features = pool_to_stride(
            encoder_features(segmentor.eval(), images), crop_size, self.stride)
        segmentor.train(was_training)
        distance = crop_size[1] // features.shape[-1]
        if crop_stride % distance:
            raise ValueError(
                f'PairedRandomCrop.stride={crop_stride} is not a multiple of '
                f'{distance} px, the distance of the compared features: '
                'stride of the model or, if they are coarser, their own. Set '
                f'PairedRandomCrop.stride={distance} and its crop_size to a '
                'multiple of that (or a smaller stride in the model, if the '
                'features are finer).')
        return distance

    def weight_at(self, iteration: int, warmup_iters: int) -> float:
        """Weight of the term; 0 also where that of the loss is."""
        weight = super().weight_at(iteration, warmup_iters)
        return weight if self.pair_loss.loss_weight else 0.

    def loss(self, batch: SemiBatch) -> dict:
        """DC loss of the overlaps (Eq. 8) and diagnostics.

        Args:
            batch (SemiBatch): With both views.

        Returns:
            dict[str, Tensor]: ``loss``; ``positive_ratio``, share of the
            overlap that is active in a direction; ``mean_confidence`` in the
            overlap; ``bank_fill`` and ``bank_age``, if there is one. Where
            unlabeled images have masks also what
            :func:`pseudo_label_precision` tells of this step's anchors and
            of the negatives that this step adds to the bank.
        """
        views = [batch.view(name) for name in self.views]
        # One pass a view, as published: each updates the BN statistics.
        maps = [self._project_and_judge(view, batch.model) for view in views]
        self.last_judgement = torch.stack([m[:, -3:].detach() for m in maps])
        new_negatives = self._fill_bank(views, maps)
        shared = [own.shared(other)
                  for own, other in zip(views[0].infos, views[1].infos)]
        rows1, rows2 = (
            _rows(view, single, [boxes[i] for boxes in shared])
            for i, (view, single) in enumerate(zip(views, maps)))
        features1, confidence1, labels1, truth1 = _split(rows1)
        features2, confidence2, labels2, truth2 = _split(rows2)
        active = self.pair_loss.active_masks(confidence1, confidence2)
        loss = self.pair_loss(
            features1,
            features2,
            confidence1,
            confidence2,
            labels1,
            labels2,
            *(self.bank.negatives() if self.bank else (None, None)),
            active=active)
        confidence = torch.cat([confidence1, confidence2])
        anchors = torch.cat(active)
        precision = {}
        if any('gt_sem_seg' in sample for sample in batch.samples):
            precision = pseudo_label_precision(
                torch.cat([labels1, labels2])[anchors],
                torch.cat([truth1, truth2])[anchors],
                *_split(new_negatives)[2:])
        return {
            'loss': loss,
            'positive_ratio': anchors.sum() / max(len(confidence1), 1),
            'mean_confidence': confidence.sum() / max(len(confidence), 1),
            **(dict(bank_fill=self.bank.fill, bank_age=self.bank.age)
               if self.bank else {}),
            **precision,
        }

    def _project_and_judge(self, view: View, model: nn.Module) -> Tensor:
        """Projected features, confidence, pseudo and true label of a view.

        They travel as channels of one map, so that flips and boxes are
        applied once. Returns (U, c + 3, h, w), upright.
        """
        features = pool_to_stride(view.features, view.images.shape[2:],
                                  self.stride)
        confidence, labels = confidence_and_pseudo_label(
            model.pixel_head, features.detach())
        projected = F.normalize(self.projector(features).float(), dim=1)
        truth = true_labels(
            view.masks('gt'), features, model.pixel_head.ignore_index)
        judged = torch.stack([confidence, labels, truth], 1)
        return view.upright(torch.cat([projected, judged], 1))

    @torch.no_grad()
    def _fill_bank(self, views: Sequence[View], maps: list) -> Tensor:
        """Takes the negatives of this step from both views, without padding.

        Returns them, none without a bank.

        Differs from the published code, which stops with an error when there
        are fewer features than asked for.
        """
        if not self.bank:
            return maps[0].new_empty(0, maps[0].shape[1])
        picked = []
        for view, single in zip(views, maps):
            rows = _rows(view, single, [info.valid for info in view.infos])
            order = torch.randperm(len(rows), device=rows.device)
            picked.append(rows[order[:self.rows]])
        rows = torch.cat(picked)
        features, _, labels, _ = _split(rows)
        self.bank.push(features, labels)
        return rows


# Boxes differ from batch to batch: each would be compiled anew.
@torch.compiler.disable
def _rows(view: View, maps: Tensor, boxes: List) -> Tensor:
    """Rows of the positions inside one box an image, image after image."""
    return torch.cat([
        info.cut(single, box).flatten(1).T
        for info, single, box in zip(view.infos, maps, boxes)
    ])


def _split(rows: Tensor) -> tuple:
    confidence, labels, truth = rows[:, -3:].detach().T
    return rows[:, :-3], confidence, labels.long(), truth.long()
