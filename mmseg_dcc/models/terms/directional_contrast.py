"""Term of Directional Context-aware Consistency, DCC (Sec. 3)."""
from typing import Optional, Sequence, Tuple

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ...datasets.checks import find_transform
from ...datasets.plain_datasets import unlabeled_datasets
from ...datasets.transforms import PairedRandomCrop
from ..diagnostics import pseudo_label_precision, true_labels
from ..head_features import confidence_and_pseudo_label
from ..pool_to_stride import check_crop_stride, pool_to_stride
from ..semi_batch import SemiBatch, View
from .semi_term import SemiTerm


@MODELS.register_module()
class DirectionalContrast(SemiTerm):
    """DCC term: consistency of two overlapping views of an image (Sec. 3.2).

    The DC loss pulls the projected and normalised features of the overlap
    together and pushes them from features with other pseudo labels.

    Args:
        views (tuple[str, str]): The two views. Defaults to ('a', 'b').
        stride (int): Minimum stride in pixels of the compared features:
            finer features are average-pooled, coarser ones are compared at
            their stride. ``PairedRandomCrop.stride`` must be a multiple of
            the resulting stride. Defaults to 8, Sec. 4.1.
        projector (dict, optional): Config of the projector; the type
            defaults to ``PixelProjector``, and ``in_channels`` is set
            automatically. Defaults to None: features are compared without
            projection (Table 3, VII).
        bank (dict, optional): ``rows`` (int): number of features that one
            process draws from each view of its unlabeled batch, or all if
            there are fewer. ``steps`` (int): number of steps kept. Defaults
            to None: 6,400 and 3, published for ResNet-101. Table 4 counts
            the negatives of one crop; its best number is these 19.2k, so
            that a GPU keeps 38.4k of both crops and two GPUs compare with
            76.8k.
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
        ...             bank=dict(rows=6400, steps=3),
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
                f'{type(self.pair_loss).__name__} uses no negatives, but a '
                'bank is configured. Set bank=None of the term in model.terms '
                '(model.memory_bank=None of DCCSegmentor).')
        self._projector, self._bank = projector, dict(bank or {})
        self.rows = self._bank.pop('rows', 6400)
        self.projector: nn.Module = nn.Identity()
        self.bank: Optional[nn.Module] = None
        # For hooks, from the last step, upright: confidence, pseudo label
        # and true label (-1: unknown), shape (view, image, 3, h, w).
        self.last_prediction: Optional[Tensor] = None

    @property
    def gate(self) -> Optional[Tuple[str, float]]:
        """See :class:`SemiTerm`."""
        if not self.pair_loss.positive_filtering:
            return None
        return ('loss.confidence_threshold',
                self.pair_loss.confidence_threshold)

    def bind(self, segmentor: nn.Module) -> None:
        """Builds projector and memory bank."""
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

    def check(self, segmentor: nn.Module, loader) -> None:
        """Checks that the crops suit the stride and the loss."""
        super().check(segmentor, loader)
        for dataset in unlabeled_datasets(loader.dataset):
            crop = find_transform(dataset, PairedRandomCrop)
            if crop is None:
                continue
            self.pair_loss.check_pairs(crop.iou_range)
            check_crop_stride(segmentor, crop.crop_size, crop.stride,
                              self.stride)

    def weight_at(self, *position) -> float:
        """Weight of the term; 0 if ``loss_weight`` of the loss is 0."""
        weight = super().weight_at(*position)
        return weight if self.pair_loss.loss_weight else 0.

    def loss(self, batch: SemiBatch) -> dict:
        """DC loss of the overlaps (Eq. 8) and diagnostics.

        Args:
            batch (SemiBatch): Batch with both views.

        Returns:
            dict[str, Tensor]: ``loss``; ``positive_ratio``, share of the
            overlap that is active in one of the directions;
            ``mean_confidence`` in the overlap; ``bank_fill`` and
            ``bank_age``. If unlabeled images have masks, also
            :func:`pseudo_label_precision` of the anchors of this step and of
            the negatives that it adds to the bank.
        """
        views = [batch.view(name) for name in self.views]
        # One pass per view, as published: each updates batch norm statistics.
        maps = [self._project_and_predict(view, batch.model) for view in views]
        self.last_prediction = torch.stack([m[:, -3:].detach() for m in maps])
        new_negatives = self._fill_bank(views, maps)
        shared = [own.shared(other)
                  for own, other in zip(*(view.infos for view in views))]
        features, confidence, labels, truth = zip(*(
            _split(view.rows(single, boxes))
            for view, single, boxes in zip(views, maps, zip(*shared))))
        active = self.pair_loss.active_masks(*confidence)
        negatives = self.bank.negatives() if self.bank else (None, None)
        found = dict(
            loss=self.pair_loss(
                *features, *confidence, *labels, *negatives, active=active))
        positions = max(len(confidence[0]), 1)
        anchors, sure = torch.cat(active), torch.cat(confidence)
        found.update(
            positive_ratio=anchors.sum() / positions,
            mean_confidence=sure.sum() / (2 * positions))
        if self.bank:
            found.update(bank_fill=self.bank.fill, bank_age=self.bank.age)
        if any('gt_sem_seg' in sample for sample in batch.samples):
            found.update(
                pseudo_label_precision(
                    torch.cat(labels)[anchors], torch.cat(truth)[anchors],
                    *_split(new_negatives)[2:]))
        return found

    def _project_and_predict(self, view: View, model: nn.Module) -> Tensor:
        """Projected features, confidence, pseudo and true label of a view.

        They are the channels of one upright map (U, c + 3, h, w), so that
        flips and boxes are applied once.
        """
        features = pool_to_stride(view.features, view.images.shape[2:],
                                  self.stride)
        confidence, labels = confidence_and_pseudo_label(
            model.pixel_head, features.detach())
        projected = F.normalize(self.projector(features).float(), dim=1)
        truth = true_labels(
            view.masks('gt'), features, model.pixel_head.ignore_index)
        predicted = torch.stack([confidence, labels, truth], 1)
        return view.upright(torch.cat([projected, predicted], 1))

    @torch.no_grad()
    def _fill_bank(self, views: Sequence[View], maps: list) -> Tensor:
        """Adds random features of both views to the bank, without padding.

        If there are fewer features than ``rows``, all are added; the
        published code raises an error.
        """
        if not self.bank:
            return maps[0].new_empty(0, maps[0].shape[1])
        picked = []
        for view, single in zip(views, maps):
            rows = view.rows(single, [info.valid for info in view.infos])
            order = torch.randperm(len(rows), device=rows.device)
            picked.append(rows[order[:self.rows]])
        rows = torch.cat(picked)
        features, _, labels, _ = _split(rows)
        self.bank.push(features, labels)
        return rows


def _split(rows: Tensor) -> tuple:
    confidence, labels, truth = rows[:, -3:].detach().T
    return rows[:, :-3], confidence, labels.long(), truth.long()
