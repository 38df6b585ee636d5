from typing import Optional, Sequence

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from mmseg.utils import SampleList
from torch import Tensor, nn

from ..diagnostics import pseudo_label_precision, true_labels
from ..head_features import (
    check_head_types,
    confidence_and_pseudo_label,
    encoder_features,
    pixel_heads,
)
from ..overlap import cut_boxes, pool_to_stride, undo_flips
from .semi_encoder_decoder import SemiEncoderDecoder


@MODELS.register_module()
class DCCSegmentor(SemiEncoderDecoder):
    """Directional Context-aware Consistency (Sec. 3) on any stock model.

    Both crops of an unlabeled image pass through backbone and head. The
    features of their overlap, projected and normalised, are pulled together
    by the DC loss and pushed from features of other pseudo labels.

    Args:
        decode_head (dict | list[dict]): Head that classifies every pixel
            with ``cls_seg``; docs/backbones.md lists those of mmseg.
        backbone (dict, optional): See ``EncoderDecoder``. Defaults to None,
            which is refused: models with several encoders have no such key.
        loss_dc (dict, optional): Config of the loss. Defaults to None:
            :class:`DirectionalContrastiveLoss` with the paper's values.
        projector (dict, optional): Config of the projector, usually
            ``dict(type='PixelProjector')``; ``in_channels`` is filled in.
            Defaults to None: the features themselves are compared (Table 3,
            VII).
        memory_bank (dict, optional): ``negatives_per_crop`` (int): features
            that one process takes at random from each of the two crops of
            its whole unlabeled batch, fewer if there are fewer; ``steps``
            (int): steps kept. Defaults to None: 3,200 and 3, the 19.2k a GPU
            that did best in Table 4.
        stride (int): Least distance of two compared positions in pixels:
            finer features are average-pooled, coarser ones compared at their
            own stride. ``PairedRandomCrop.stride`` must be a multiple of the
            distance. Defaults to 8, Sec. 4.1.
        **kwargs: See :class:`SemiEncoderDecoder`.

    Raises:
        TypeError: If no decode head classifies pixels with ``cls_seg``.

    Examples:
        >>> model = dict(
        ...     type='DCCSegmentor',
        ...     data_preprocessor=dict(type='SemiSegDataPreProcessor'),
        ...     projector=dict(type='PixelProjector', out_channels=128),
        ...     loss_dc=dict(type='DirectionalContrastiveLoss'),
        ...     memory_bank=dict(negatives_per_crop=3200, steps=3),
        ...     stride=8)
    """

    def __init__(self,
                 decode_head: dict,
                 backbone: Optional[dict] = None,
                 loss_dc: Optional[dict] = None,
                 projector: Optional[dict] = None,
                 memory_bank: Optional[dict] = None,
                 stride: int = 8,
                 **kwargs) -> None:
        check_head_types(decode_head, backbone)
        super().__init__(backbone=backbone, decode_head=decode_head, **kwargs)
        self.stride = stride
        self.loss_dc = MODELS.build({
            'type': 'DirectionalContrastiveLoss',
            **(loss_dc or {})
        })
        channels = self.pixel_head.channels
        self.projector = nn.Identity()
        if projector is not None:
            self.projector = MODELS.build({
                'in_channels': channels,
                **projector
            })
            channels = self.projector.out_channels
        self.memory_bank: Optional[nn.Module] = None
        if self.loss_dc.needs_negatives:
            self._build_bank(channels, **(memory_bank or {}))
        elif memory_bank is not None:
            raise ValueError(
                f'{type(self.loss_dc).__name__} compares no negatives, but '
                'model.memory_bank would collect some. Set '
                'model.memory_bank=None.')
        # Of the last step, upright, for hooks: confidence, pseudo label and
        # true label (255: unknown), shape (crop, image, 3, h, w).
        self.last_judgement: Optional[Tensor] = None

    def _build_bank(self,
                    channels: int,
                    negatives_per_crop: int = 3200,
                    **kwargs) -> None:
        self.negatives_per_crop = negatives_per_crop
        self.memory_bank = MODELS.build({
            'type': 'FeatureMemoryBank',
            'channels': channels,
            'slot_size': 2 * negatives_per_crop,
            **kwargs
        })
        # The bank is the same on every process by itself: DDP need not send
        # it, whatever broadcast_buffers says.
        self._ddp_params_and_buffers_to_ignore = [
            f'memory_bank.{name}'
            for name, _ in self.memory_bank.named_buffers()
        ]

    @property
    def pixel_head(self) -> nn.Module:
        """The head whose ``cls_seg`` classifies every pixel."""
        return pixel_heads(self.decode_head)[-1]

    def encoder_features(self, images: Tensor) -> Tensor:
        """f = E(x) of Fig. 4: what enters the final classifier."""
        return encoder_features(self, images)

    @torch.no_grad()
    def check_crops(self, crop_size: Sequence[int], stride: int,
                    iou_range: Sequence[float]) -> None:
        """Tells before the warm-up what would fail after it.

        Args:
            crop_size (tuple[int, int]): Of ``PairedRandomCrop``, in pixels.
            stride (int): Of ``PairedRandomCrop``, in pixels.
            iou_range (tuple[float, float]): Of ``PairedRandomCrop``.

        Raises:
            ValueError: If features of such crops do not fit the stride, or
                the loss makes no sense on such pairs.
        """
        self.loss_dc.check_pairs(iou_range)
        was_training = self.training
        images = next(self.parameters()).new_zeros(1, 3, *crop_size)
        features = pool_to_stride(self.eval().encoder_features(images),
                                  crop_size, self.stride)
        self.train(was_training)
        cut_boxes(features, [(0, 0, stride, stride)],
                  crop_size[-1] // features.shape[-1])

    def unsup_loss(self, inputs: Tensor, data_samples: SampleList) -> dict:
        """DC loss of a batch of crop pairs (Eq. 8) and diagnostics.

        Args:
            inputs (Tensor): Crop pairs, shape (U, 2, 3, H, W).
            data_samples (list[SegDataSample]): With the metainfo of
                :class:`PackPairedSegInputs`.

        Returns:
            dict[str, Tensor]: ``loss_dc``; ``positive_ratio``, share of the
            overlap that is active in a direction; ``mean_confidence`` in the
            overlap; ``bank_fill`` and ``bank_age``, if there is one. Where
            samples have masks also what :func:`pseudo_label_precision` tells
            of this step's anchors and of the negatives that this step adds
            to the bank.
        """
        if self.loss_dc.loss_weight == 0:
            # lambda = 0, the control of an experiment: the passes update the
            # BN statistics, there is nothing to go backward for.
            with torch.no_grad():
                losses = self._dc_losses(
                    self._features_of_pairs(inputs), inputs.shape[3:],
                    data_samples)
            return {**losses, **self.disabled_unsup_loss()}
        return self._dc_losses(
            self._features_of_pairs(inputs), inputs.shape[3:], data_samples)

    def _features_of_pairs(self, inputs: Tensor) -> list:
        """f of the first crops and f of the second, not pooled."""
        # One pass a crop, as published: each updates the BN statistics.
        return [self.encoder_features(inputs[:, i]) for i in range(2)]

    def _dc_losses(self, features: list, crop_size: Sequence[int],
                   data_samples: SampleList) -> dict:
        metas = [sample.metainfo for sample in data_samples]
        crops = [
            self._project_and_judge(
                pool_to_stride(features[i], crop_size, self.stride),
                [m['flips'][i] for m in metas], data_samples, i)
            for i in range(2)
        ]
        self.last_judgement = torch.stack([c[:, -3:].detach() for c in crops])
        stride = crop_size[-1] // crops[0].shape[-1]
        valid_boxes = [m['valid_boxes'] for m in metas]
        new_negatives = self._fill_bank(crops, valid_boxes, stride)
        overlap1, overlap2 = (
            cut_boxes(crops[i], [m['overlap_boxes'][i] for m in metas], stride)
            for i in range(2))
        features1, confidence1, labels1, truth1 = self._split(overlap1)
        features2, confidence2, labels2, truth2 = self._split(overlap2)
        active = self.loss_dc.active_masks(confidence1, confidence2)
        loss = self.loss_dc(
            features1,
            features2,
            confidence1,
            confidence2,
            labels1,
            labels2,
            *(self.memory_bank.negatives() if self.memory_bank else
              (None, None)),
            active=active)
        confidence = torch.cat([confidence1, confidence2])
        precision = {}
        if any('gt_sem_seg' in sample for sample in data_samples):
            anchors = torch.cat(active)
            precision = pseudo_label_precision(
                torch.cat([labels1, labels2])[anchors],
                torch.cat([truth1, truth2])[anchors],
                *self._split(new_negatives)[2:])
        bank = {}
        if self.memory_bank:
            bank = dict(
                bank_fill=self.memory_bank.fill, bank_age=self.memory_bank.age)
        return {
            self.loss_dc.loss_name: loss,
            'positive_ratio':
            torch.cat(active).sum() / max(len(confidence1), 1),
            'mean_confidence': confidence.sum() / max(len(confidence), 1),
            **bank,
            **precision,
        }

    def disabled_unsup_loss(self) -> dict:
        """Zero that reaches the projector, for DDP."""
        zero = sum(p.sum() for p in self.projector.parameters())
        zero = zero + next(self.parameters()).new_zeros(())
        return {self.loss_dc.loss_name: 0 * zero}

    def _project_and_judge(self, features: Tensor, flips: list,
                           data_samples: Sequence, crop: int) -> Tensor:
        """Projected features, confidence, pseudo and true label of one crop.

        They travel as channels of one map, so that flips and boxes are
        applied once. Returns (U, c + 3, h, w), upright.
        """
        confidence, labels = confidence_and_pseudo_label(
            self.pixel_head, features.detach())
        projected = F.normalize(self.projector(features).float(), dim=1)
        truth = true_labels(data_samples, crop, features)
        judged = torch.stack([confidence, labels, truth], 1)
        return undo_flips(torch.cat([projected, judged], 1), flips)

    @staticmethod
    def _split(rows: Tensor) -> tuple:
        confidence, labels, truth = rows[:, -3:].detach().T
        return rows[:, :-3], confidence, labels.long(), truth.long()

    @torch.no_grad()
    def _fill_bank(self, crops: list, valid_boxes: list,
                   stride: int) -> Tensor:
        """Takes the negatives of this step from both crops, without padding.

        Returns them, none without a bank.

        Differs from the published code, which stops with an error when there
        are fewer features than asked for.
        """
        if not self.memory_bank:
            return crops[0].new_empty(0, crops[0].shape[1])
        picked = []
        for i, crop in enumerate(crops):
            rows = cut_boxes(crop, [boxes[i] for boxes in valid_boxes], stride)
            order = torch.randperm(len(rows), device=rows.device)
            picked.append(rows[order[:self.negatives_per_crop]])
        rows = torch.cat(picked)
        features, _, labels, _ = self._split(rows)
        self.memory_bank.push(features, labels)
        return rows
