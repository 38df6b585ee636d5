from typing import List, Sequence, Tuple

import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList
from torch import Tensor, nn

from ..cutmix import cutmix, random_boxes
from ..head_features import class_confidence
from ..overlap import undo_flips
from .dcc_segmentor import DCCSegmentor

IGNORE = 255  # in masks


@MODELS.register_module()
class MeanTeacherDCCSegmentor(DCCSegmentor):
    """DCC and pseudo labels of a mean teacher. Not in the paper.

    :class:`MeanTeacherHook` averages the weights over the training. This
    teacher labels the first crop of each pair; the student learns the labels
    that are confident enough on a CutMix of these crops, with the loss of
    its own head: L = L_ce + lambda L_dc + lambda_p L_p. The teacher is what
    is validated and published.

    Args:
        *args: See :class:`DCCSegmentor`.
        pseudo_threshold (float): Least confidence of a pseudo label, in
            [0, 1). Pixels below count as 0 in the mean. Defaults to 0.7.
        pseudo_weight (float): lambda_p. Defaults to 1.
        cutmix_area (tuple[float, float]): Share of a crop that is pasted
            from another one. Defaults to (0.25, 0.5).
        **kwargs: See :class:`DCCSegmentor`.

    Examples:
        >>> model = dict(type='MeanTeacherDCCSegmentor', pseudo_threshold=0.7)
        >>> custom_hooks = [
        ...     dict(type='SupervisedWarmupHook', warmup_epochs=5),
        ...     dict(type='MeanTeacherHook', momentum=0.001)
        ... ]
    """

    def __init__(self,
                 *args,
                 pseudo_threshold: float = 0.7,
                 pseudo_weight: float = 1.,
                 cutmix_area: Sequence[float] = (0.25, 0.5),
                 **kwargs) -> None:
        super().__init__(*args, **kwargs)
        if not 0 <= pseudo_threshold < 1:
            raise ValueError('model.pseudo_threshold: expected a confidence '
                             f'in [0, 1), got {pseudo_threshold}.')
        if not 0 < cutmix_area[0] <= cutmix_area[1] <= 1:
            raise ValueError('model.cutmix_area: expected two shares with '
                             f'0 < least <= most <= 1, got {cutmix_area}.')
        self.pseudo_threshold = pseudo_threshold
        self.pseudo_weight = pseudo_weight
        self.cutmix_area = tuple(cutmix_area)
        self._teacher: Tuple[nn.Module, ...] = ()

    def set_teacher(self, teacher: nn.Module) -> None:
        """Takes the model that gives pseudo labels.

        Args:
            teacher (MeanTeacherDCCSegmentor): Of the same config. It becomes
                no part of this module: the hook saves it.
        """
        self._teacher = (teacher.eval(), )

    def unsup_loss(self, inputs: Tensor, data_samples: SampleList) -> dict:
        """DC loss and pseudo-label loss of a batch of crop pairs.

        Args:
            inputs (Tensor): Crop pairs, shape (U, 2, 3, H, W).
            data_samples (list[SegDataSample]): As :class:`DCCSegmentor` wants
                them.

        Returns:
            dict[str, Tensor]: What :class:`DCCSegmentor` returns;
            ``loss_pseudo``, lambda_p L_p; ``pseudo_ratio``, share of the
            pixels that have a pseudo label.

        Raises:
            RuntimeError: Without a teacher.
        """
        losses = super().unsup_loss(inputs, data_samples)
        images = inputs[:, 0]
        labels = self.pseudo_labels(images, data_samples)
        images, labels = cutmix(
            images, labels,
            random_boxes(len(images), images.shape[2:], self.cutmix_area))
        scores = self.pixel_head.cls_seg(self.encoder_features(images))
        pseudo = self.pixel_head.loss_by_feat(scores, _samples_of(labels))
        return {
            **losses,
            'loss_pseudo':
            self.pseudo_weight *
            sum(value for key, value in pseudo.items() if 'loss' in key),
            'pseudo_ratio': (labels != IGNORE).float().mean(),
        }

    @torch.no_grad()
    def pseudo_labels(self, images: Tensor,
                      data_samples: SampleList) -> Tensor:
        """What the teacher sees in the first crops.

        Args:
            images (Tensor): First crops, shape (U, 3, H, W).
            data_samples (list[SegDataSample]): Of the pairs.

        Returns:
            Tensor: int64, shape (U, H, W); 255 where the teacher is not
            confident, and where the crop is padding.
        """
        if not self._teacher:
            raise RuntimeError(
                'MeanTeacherDCCSegmentor has no teacher. Add '
                "dict(type='MeanTeacherHook') to custom_hooks.")
        teacher, = self._teacher
        size = tuple(images.shape[2:])
        scores = teacher.encode_decode(
            images, [dict(img_shape=size, pad_shape=size)] * len(images))
        confidence, labels = class_confidence(scores)
        labels[confidence < self.pseudo_threshold] = IGNORE
        flips = [sample.metainfo['flips'][0] for sample in data_samples]
        upright = undo_flips(labels[:, None], flips)
        for label, sample in zip(upright[:, 0], data_samples):
            top, left, bottom, right = sample.metainfo['valid_boxes'][0]
            image = label[top:bottom, left:right].clone()
            label.fill_(IGNORE)[top:bottom, left:right] = image
        # a flip undoes itself
        return undo_flips(upright, flips)[:, 0]


def _samples_of(labels: Tensor) -> List[SegDataSample]:
    return [
        SegDataSample(gt_sem_seg=PixelData(data=label[None]))
        for label in labels
    ]
