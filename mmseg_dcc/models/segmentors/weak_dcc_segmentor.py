from typing import List, Optional

from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList
from torch import Tensor

from .dcc_segmentor import DCCSegmentor


@MODELS.register_module()
class WeakDCCSegmentor(DCCSegmentor):
    """DCC with image-level labels of the unlabeled images (Sec. 3.5).

    The labels have become coarse masks y_p by class activation maps, see
    docs/weak_labels.md. A second classifier C_w beside ``cls_seg`` learns
    from them, so that they do not spoil the main one:
    L = L_ce + lambda L_dc + lambda_w L_w (Eq. 10), with L_w the mean of its
    cross entropies on the two crops (Eq. 11). Inference and published
    weights know nothing of it.

    Args:
        *args: See :class:`DCCSegmentor`.
        weak_classifier (dict, optional): Config of C_w. Defaults to None: an
            ``FCNHead`` without convolutions, which is dropout and a 1x1
            convolution, like ``cls_seg``; its loss is the cross entropy of
            the known pixels (not 255) with ``loss_weight`` lambda_w = 0.4.
            The paper follows CCT (Ouali et al., CVPR 2020), whose published
            config has ``weakly_loss_w`` 0.4. CCT raises its weight over the
            first tenth of the training; here the supervised warm-up keeps
            the first iterations clear of it.
        **kwargs: See :class:`DCCSegmentor`.

    Examples:
        >>> model = dict(
        ...     type='WeakDCCSegmentor',
        ...     weak_classifier=dict(
        ...         loss_decode=dict(
        ...             type='CrossEntropyLoss',
        ...             avg_non_ignore=True,
        ...             loss_weight=0.4)))
    """

    def __init__(self,
                 *args,
                 weak_classifier: Optional[dict] = None,
                 **kwargs) -> None:
        super().__init__(*args, **kwargs)
        head = self.pixel_head
        self.weak_classifier = MODELS.build({
            'type': 'FCNHead',
            'in_channels': head.channels,
            'channels': head.channels,
            'num_classes': self.num_classes,
            'num_convs': 0,
            'concat_input': False,
            'dropout_ratio': head.dropout_ratio,
            'align_corners': head.align_corners,
            'loss_decode': dict(
                type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=0.4),
            **(weak_classifier or {})
        })

    def unsup_loss(self, inputs: Tensor, data_samples: SampleList) -> dict:
        """DC loss and weak loss of a batch of crop pairs.

        Args:
            inputs (Tensor): Crop pairs, shape (U, 2, 3, H, W).
            data_samples (list[SegDataSample]): As :class:`DCCSegmentor` wants
                them, and ``weak_sem_seg`` of shape (2, H, W): ids of the
                model's classes, 255 where unknown.

        Returns:
            dict[str, Tensor]: What :class:`DCCSegmentor` returns;
            ``loss_weak``, lambda_w L_w; ``weak_acc_seg``, percentage of the
            known pixels on which C_w agrees with the weak masks.
        """
        features = self._features_of_pairs(inputs)
        losses = self._dc_losses(features, inputs.shape[3:], data_samples)
        first, second = (
            self.weak_classifier.loss([maps], _masks_of(data_samples, i, maps),
                                      self.train_cfg)
            for i, maps in enumerate(features))
        means = {key: (first[key] + second[key]) / 2 for key in first}
        return {
            **losses,
            'loss_weak':
            sum(mean for key, mean in means.items() if 'loss' in key),
            'weak_acc_seg': means['acc_seg'],
        }

    def disabled_unsup_loss(self) -> dict:
        """Zero that reaches the projector and C_w, for DDP."""
        zero = sum(p.sum() for p in self.weak_classifier.parameters())
        return {**super().disabled_unsup_loss(), 'loss_weak': 0 * zero}


def _masks_of(data_samples: SampleList, crop: int,
              features: Tensor) -> List[SegDataSample]:
    """Weak masks of one crop as a stock head wants its labels."""
    return [
        SegDataSample(
            gt_sem_seg=PixelData(
                data=sample.weak_sem_seg.data[crop:crop + 1].to(
                    features.device).long())) for sample in data_samples
    ]
