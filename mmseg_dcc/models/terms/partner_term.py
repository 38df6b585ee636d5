"""Base class of terms with a second network."""
import copy
from contextlib import contextmanager
from typing import Iterator, List, Optional, Tuple

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..head_checks import as_list
from ..head_features import (
    encoder_features,
    pixel_heads,
    recorded_classifier,
)
from ..running_norms import running_norms
from ..semi_batch import LabeledPart, SemiBatch, at_image_size
from .semi_term import SemiTerm


class PartnerTerm(SemiTerm):
    """Base class of terms that train a second network beside the first.

    The second network, ``self.partner``, starts from the same pretrained
    weights with a differently initialised head. It is trained on the masks
    as well, also in the warm-up, and is dropped when the model is published.

    Args:
        view (str): View of the unlabeled images. Defaults to 'weak'.
        partner (dict, optional): Config keys, such as ``backbone``, in which
            the second network differs from the first. Defaults to None: no
            difference.
        **kwargs: See :class:`SemiTerm`.
    """

    needs_labeled = True

    def __init__(self,
                 view: str = 'weak',
                 partner: Optional[dict] = None,
                 **kwargs) -> None:
        super().__init__(views=(view, ), **kwargs)
        self._changes = partner or {}

    def bind(self, segmentor: nn.Module) -> None:
        """Builds the second network."""
        self.partner = MODELS.build({
            **copy.deepcopy(segmentor.stock_config),
            **self._changes
        })
        self.unlabeled_norm_eval = segmentor.unlabeled_norm_eval

    @property
    def partner_head(self) -> nn.Module:
        """Head of the second network that classifies every pixel."""
        return pixel_heads(self.partner.decode_head)[-1]

    def partner_supervised(self,
                           labeled: LabeledPart) -> Tuple[Tensor, Tensor]:
        """Losses and scores of the second network on the labeled images.

        Args:
            labeled (LabeledPart): Labeled part of the batch.

        Returns:
            tuple[Tensor, Tensor]: Sum of its supervised losses, and its
            scores at image size, shape (B, out_channels, H, W).
        """
        size = labeled.images.shape[2:]
        with _recorded_scores(self.partner_head, size) as recorded:
            losses = self.partner.loss(labeled.images, labeled.samples)
        loss = sum(value for key, value in losses.items() if 'loss' in key)
        # A cascade runs the heads before the last a second time.
        return loss, recorded[0]

    def warmup_losses(self, labeled: LabeledPart) -> dict:
        """Supervised loss of the second network."""
        return dict(loss_partner=self.partner_supervised(labeled)[0])

    def partner_scores(self, images: Tensor) -> Tensor:
        """Scores of the second network at image size.

        Args:
            images (Tensor): Shape (N, C, H, W).

        Returns:
            Tensor: Shape (N, out_channels, H, W).
        """
        head = self.partner_head
        with running_norms(self.partner, self.unlabeled_norm_eval):
            scores = head.cls_seg(encoder_features(self.partner, images))
        return at_image_size(head, scores, images.shape[2:])

    def on_all_images(
            self, batch: SemiBatch) -> Tuple[Tensor, List[Tensor], Tensor]:
        """Scores of both networks on labeled, then on unlabeled images.

        Args:
            batch (SemiBatch): Batch with the view.

        Returns:
            tuple[Tensor, list[Tensor], Tensor]: Sum of the second network's
            supervised losses; scores of the first and of the second network
            at image size, shape (B + U, out_channels, H, W); a bool mask of
            shape (B + U, H, W), False in the padding of unlabeled images.
        """
        labeled, view = batch.labeled, batch.view(self.views[0])
        supervised, partner_labeled = self.partner_supervised(labeled)
        scores = [
            torch.cat([labeled.scores, view.scores]),
            torch.cat([partner_labeled,
                       self.partner_scores(view.images)])
        ]
        everywhere = torch.ones_like(labeled.masks, dtype=torch.bool)
        return supervised, scores, torch.cat([everywhere, view.valid])


@contextmanager
def _recorded_scores(head: nn.Module, size) -> Iterator[List[Tensor]]:
    """Records a head's scores at image size during its stock loss.

    The stock loss already resizes the scores. With the stock
    ``loss_by_feat`` these resized scores are recorded, so that they need not
    be resized again.
    """
    found: List[Tensor] = []
    if type(head).loss_by_feat is BaseDecodeHead.loss_by_feat:
        hook = as_list(head.loss_decode)[0].register_forward_pre_hook(
            lambda _, inputs: found.append(inputs[0]))
        try:
            yield found
        finally:
            hook.remove()
        return
    with recorded_classifier(head) as recorded:
        yield found
    found.append(at_image_size(head, recorded[0][1], size))
