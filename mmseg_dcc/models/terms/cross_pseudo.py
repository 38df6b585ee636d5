"""Cross pseudo supervision (Chen et al., CVPR 2021) as a term."""
import copy
from typing import Optional, Union

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..head_features import (
    class_confidence,
    encoder_features,
    pixel_heads,
    recorded_classifier,
    uses_sigmoid,
)
from ..losses.cross_pseudo_loss import cross_pseudo_loss
from ..semi_batch import SemiBatch, at_image_size
from .mixer import Mixer, warn_of_lonely_images
from .semi_term import SemiTerm


@MODELS.register_module()
class CrossPseudo(SemiTerm):
    """Two networks of one config teach each other their hard labels (CPS).

    The second network has the same pretrained weights and another random
    head. It learns from the masks, too, and is thrown away afterwards.
    Without mixing both learn on labeled and on unlabeled images, with CutMix
    on mixed unlabeled images alone, as published.

    Differs from the published code: padding is left out of the loss on
    unlabeled images; mixed images come from one batch, not from two; the
    mean over processes is one, not divided by their number once more.

    Args:
        view (str): View of the unlabeled images. Defaults to 'weak'.
        mix (str | dict, optional): :class:`Mixer`; published: 'three_boxes'.
            'classmix' draws from the labels of the first network. Defaults
            to None: plain CPS.
        weight (float | dict): See :class:`SemiTerm`. Defaults to 1.5, VOC
            without CutMix; 1 with it. Cityscapes: 6 and 5.
        partner (dict, optional): Keys of the second network's config, such
            as ``backbone``, that take the place of the first's. Defaults to
            None.
        **kwargs: See :class:`SemiTerm`.

    Examples:
        >>> model = dict(
        ...     type='SemiEncoderDecoder',
        ...     terms=dict(
        ...         cps=dict(type='CrossPseudo', weight=1.,
        ...                  mix='three_boxes')))
    """

    needs_labeled = True

    def __init__(self,
                 view: str = 'weak',
                 mix: Union[None, str, dict] = None,
                 weight: Union[float, dict] = 1.5,
                 partner: Optional[dict] = None,
                 **kwargs) -> None:
        super().__init__(views=(view, ), weight=weight, **kwargs)
        self.mixer = Mixer.of(mix)
        self._changes = partner or {}

    def bind(self, segmentor: nn.Module) -> None:
        """Builds the second network."""
        self.partner = MODELS.build({
            **copy.deepcopy(segmentor.stock_config),
            **self._changes
        })

    def check(self, segmentor: nn.Module, loader) -> None:
        """Warns where mixing would do nothing."""
        super().check(segmentor, loader)
        if self.mixer:
            warn_of_lonely_images(loader)

    def loss(self, batch: SemiBatch) -> dict:
        """Loss of both networks on each other's labels.

        Args:
            batch (SemiBatch): With the view.

        Returns:
            dict[str, Tensor]: ``loss``, CPS; ``loss_partner``, the second
            network's supervised loss; ``agreement``, share of the pixels of
            the unlabeled images on which both have one label.
        """
        labeled = batch.labeled
        head = pixel_heads(self.partner.decode_head)[-1]
        with recorded_classifier(head) as recorded:
            supervised = self.partner.loss(labeled.images, labeled.samples)
        own_loss = sum(value for key, value in supervised.items()
                       if 'loss' in key)
        size = labeled.images.shape[2:]
        view = batch.view(self.views[0])
        if self.mixer:
            scores, labels, valid = self._on_mixed(batch)
        else:
            partner_scores = self._scores(view.images)
            valid = torch.cat([
                torch.ones_like(labeled.masks, dtype=torch.bool), view.valid
            ])
            scores = [
                torch.cat([labeled.scores, view.scores]),
                torch.cat([
                    at_image_size(head, recorded[0][1], size), partner_scores
                ])
            ]
            labels = [
                class_confidence(own, single.detach())[1] for own, single in
                zip((batch.model.pixel_head, head), scores)
            ]
        unlabeled = slice(-len(view.images), None)
        agreement = (labels[0][unlabeled] == labels[1][unlabeled])
        return dict(
            loss=cross_pseudo_loss(
                *scores, *labels, valid, use_sigmoid=uses_sigmoid(head)),
            loss_partner=own_loss,
            agreement=agreement.float().mean())

    def _scores(self, images: Tensor) -> Tensor:
        head = pixel_heads(self.partner.decode_head)[-1]
        scores = head.cls_seg(encoder_features(self.partner, images))
        return at_image_size(head, scores, images.shape[2:])

    def _on_mixed(self, batch: SemiBatch) -> tuple:
        """Scores on mixed images; labels of the clean ones, mixed."""
        view = batch.view(self.views[0])
        with torch.no_grad():
            # In training mode, as published: these passes move the batch
            # statistics.
            clean = (batch.encode(view.images), self._scores(view.images))
        head = batch.model.pixel_head
        labels = [class_confidence(head, scores)[1] for scores in clean]
        masks = self.mixer.draw(view.images, labels[0], view.valid)
        mixed = self.mixer(view.images, masks)
        return ([batch.encode(mixed), self._scores(mixed)],
                [self.mixer(single, masks) for single in labels],
                self.mixer(view.valid, masks))
