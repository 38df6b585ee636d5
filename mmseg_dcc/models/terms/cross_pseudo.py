"""Term of cross pseudo supervision, CPS (Chen et al., CVPR 2021)."""
from typing import Union

import torch
from mmseg.registry import MODELS

from ..head_features import class_labels, uses_sigmoid
from ..losses.cross_pseudo_loss import cross_pseudo_loss
from ..semi_batch import SemiBatch
from .mixer import Mixer
from .partner_term import PartnerTerm


@MODELS.register_module()
class CrossPseudo(PartnerTerm):
    """CPS term: two networks are trained on each other's hard labels.

    The second network starts from the same pretrained weights with a
    differently initialised head. It is trained on the masks as well, and is
    dropped when the model is published. Without mixing the CPS loss covers
    labeled and unlabeled images, with CutMix only mixed unlabeled images, as
    published.

    Differences from the published code: padding is left out of the loss on
    unlabeled images; images are mixed within one batch, not between two; the
    loss is not divided by the number of processes a second time.

    Args:
        view (str): View of the unlabeled images. Defaults to 'weak'.
        mix (str | dict, optional): :class:`Mixer`; published: 'three_boxes'.
            'classmix' uses the labels of the first network. Defaults to
            None: plain CPS.
        weight (float | dict): See :class:`SemiTerm`. Defaults to 1.5, VOC
            without CutMix; 1 with it. Cityscapes: 6 and 5.
        **kwargs: See :class:`PartnerTerm`.

    Examples:
        >>> model = dict(
        ...     type='SemiEncoderDecoder',
        ...     terms=dict(
        ...         cps=dict(type='CrossPseudo', weight=1.,
        ...                  mix='three_boxes')))
    """

    def __init__(self,
                 view: str = 'weak',
                 mix: Union[None, str, dict] = None,
                 weight: Union[float, dict] = 1.5,
                 **kwargs) -> None:
        super().__init__(view=view, weight=weight, **kwargs)
        self.mixer = Mixer.of(mix)

    def loss(self, batch: SemiBatch) -> dict:
        """CPS loss of both networks.

        Args:
            batch (SemiBatch): Batch with the view.

        Returns:
            dict[str, Tensor]: ``loss``, CPS; ``loss_partner``, the
            supervised loss of the second network; ``agreement``, share of
            the pixels of the unlabeled images on which the labels of both
            networks are the same.
        """
        head = self.partner_head
        if self.mixer:
            supervised, _ = self.partner_supervised(batch.labeled)
            scores, labels, valid = self._on_mixed(batch)
        else:
            supervised, scores, valid = self.on_all_images(batch)
            labels = self._labels(batch, scores)
        unlabeled = slice(-len(batch.samples), None)
        agreement = (labels[0][unlabeled] == labels[1][unlabeled])
        return dict(
            loss=cross_pseudo_loss(
                *scores, *labels, valid, use_sigmoid=uses_sigmoid(head)),
            loss_partner=supervised,
            agreement=agreement.float().mean())

    def _labels(self, batch: SemiBatch, scores: list) -> list:
        heads = (batch.model.pixel_head, self.partner_head)
        return [
            class_labels(head, single.detach())
            for head, single in zip(heads, scores)
        ]

    def _on_mixed(self, batch: SemiBatch) -> tuple:
        """Scores on mixed images, and the mixed labels of clean images."""
        view = batch.view(self.views[0])
        with torch.no_grad():
            # In training mode, as published: these passes update the batch
            # norm statistics.
            clean = [
                batch.encode(view.images),
                self.partner_scores(view.images)
            ]
        labels = self._labels(batch, clean)
        masks = self.mixer.draw(view.images, labels[0], view.valid)
        mixed = self.mixer(view.images, masks)
        return ([batch.encode(mixed), self.partner_scores(mixed)],
                [self.mixer(single, masks) for single in labels],
                self.mixer(view.valid, masks))
