"""Term for image-level labels of the unlabeled images (Sec. 3.5)."""
from typing import Optional, Sequence

import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch import nn

from ..losses.reductions import mean_over_processes
from ..semi_batch import UNKNOWN_IN_FILES, SemiBatch, View
from .semi_term import SemiTerm


@MODELS.register_module()
class WeakLabels(SemiTerm):
    """Weak-label term: a second classifier C_w trained on weak masks.

    The weak masks y_p are made from image-level labels by class activation
    maps, see docs/weak_labels.md (Sec. 3.5). C_w is separate from
    ``cls_seg``, so that errors of these masks do not reach the main
    classifier. The loss is the mean cross entropy over the views (Eq. 11).
    C_w is used neither in inference nor in published weights.

    Args:
        views (Sequence[str]): Views that are used. Defaults to ('a', 'b'),
            the crops of DCC.
        classifier (dict, optional): Config of C_w. Defaults to None: an
            ``FCNHead`` without convolutions, that is dropout and a 1x1
            convolution, like ``cls_seg``. Its loss is the cross entropy of
            the known pixels with ``loss_weight`` lambda_w = 0.4. The paper
            follows CCT (Ouali et al., CVPR 2020), whose published config has
            ``weakly_loss_w`` 0.4. CCT ramps this weight up over the first
            tenth of the training (``weight`` can do the same); here the
            supervised warm-up excludes the term from the first iterations.
        **kwargs: See :class:`SemiTerm`.

    Examples:
        >>> model = dict(terms=dict(weak=dict(type='WeakLabels')))
        >>> unlabeled_dataset = dict(
        ...     data_prefix=dict(weak_seg_map_path='SegmentationWeak'))
    """

    needs_weak_masks = True

    def __init__(self,
                 views: Sequence[str] = ('a', 'b'),
                 classifier: Optional[dict] = None,
                 **kwargs) -> None:
        super().__init__(views=views, **kwargs)
        self._classifier = classifier or {}

    def bind(self, segmentor: nn.Module) -> None:
        """Builds C_w for the segmentor's features."""
        head = segmentor.pixel_head
        self.classifier = MODELS.build({
            'type': 'FCNHead',
            'in_channels': head.channels,
            'channels': head.channels,
            'num_classes': head.num_classes,
            'num_convs': 0,
            'concat_input': False,
            'in_index': 0,
            'dropout_ratio': head.dropout_ratio,
            'align_corners': head.align_corners,
            'ignore_index': head.ignore_index,
            'loss_decode': dict(
                type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=0.4),
            **self._classifier
        })

    def loss(self, batch: SemiBatch) -> dict:
        """Loss of C_w on the views (Eq. 11).

        Args:
            batch (SemiBatch): Batch whose samples have ``weak_sem_seg``.

        Returns:
            dict[str, Tensor]: ``loss``; ``weak_acc_seg``, percentage of the
            known pixels on which C_w agrees with the weak masks.
        """
        of_views = [self._loss_of(batch.view(name)) for name in self.views]
        means = {
            key: sum(losses[key] for losses in of_views) / len(of_views)
            for key in of_views[0]
        }
        return dict(
            loss=sum(mean for key, mean in means.items() if 'loss' in key),
            weak_acc_seg=means['acc_seg'])

    def _loss_of(self, view: View) -> dict:
        """Losses of C_w on the weak masks of one view."""
        masks = torch.stack(view.masks('weak'))
        known = masks != UNKNOWN_IN_FILES
        masks = masks.where(known, torch.full_like(
            masks, self.classifier.ignore_index))
        samples = [
            SegDataSample(gt_sem_seg=PixelData(data=mask[None]))
            for mask in masks
        ]
        losses = self.classifier.loss([view.features], samples, {})
        # The stock loss is a mean over the known pixels of this process.
        count = known.sum()
        share = count / mean_over_processes(count)
        return {key: value * share if 'loss' in key else value
                for key, value in losses.items()}
