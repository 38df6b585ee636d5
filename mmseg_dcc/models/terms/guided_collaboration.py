"""Term of guided collaborative training, GCT (Ke et al., ECCV 2020)."""
from typing import List, Optional, Union

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..frozen import frozen
from ..head_features import class_probabilities
from ..losses.dynamic_consistency import (
    dynamic_consistency_loss,
    no_worse_mask,
)
from ..losses.flaw_correction import flaw_correction_loss
from ..losses.flaw_maps import flaw_target, normalised_flaw_map
from ..semi_batch import LabeledPart, SemiBatch
from .partner_term import PartnerTerm
from .ramp import Ramp


@MODELS.register_module()
class GuidedCollaboration(PartnerTerm):
    """GCT term: two networks train each other, guided by a flaw detector.

    The flaw detector is trained on labeled images to predict where a
    prediction is wrong. On labeled and unlabeled images each network learns
    the probabilities of the other where that has fewer flaws (dynamic
    consistency), and is trained to have no flaws where both are bad (flaw
    correction). One forward pass of each network and one backward pass train
    all three: the loss of the detector uses detached probabilities, the
    losses of the networks go through the frozen detector.

    Differences from the published code: there is one forward pass of each
    network, without an additional pass without gradient before it, so that
    batch norm statistics are updated once; labeled and unlabeled images have
    separate passes; the loss of the detector includes its negative values; a
    map free of flaws is 0, see :func:`normalised_flaw_map`; kernel sizes
    depend on the images of the batch, not on a configured size; padding of
    unlabeled images is left out.

    Args:
        view (str): View of the unlabeled images. Defaults to 'weak'.
        detector (dict, optional): Config of the detector. Defaults to None:
            :class:`FlawDetector`. Give it a separate optimizer with
            ``CompositeOptimWrapperConstructor``: Adam, 1e-4 for each GPU,
            betas (0.9, 0.99).
        detector_weight (float): Weight of the loss of the detector. Defaults
            to 10, the published ``fd_scale``.
        correction_weight (float): Weight of the flaw correction. Defaults to
            1, ``fc_ssl_scale``.
        consistency_weight (float | dict): Weight of the dynamic consistency,
            a number or the arguments of :class:`Ramp`, counted from the
            start of the term. Defaults to 100, ``dc_ssl_scale``; published
            with a ramp: dict(peak=100., iters=iterations of 3 epochs), of
            20.
        flaw_threshold (float): Flaw, in [0, 1], above which a pixel is bad.
            Defaults to 0.6, ``dc_threshold``.
        **kwargs: See :class:`PartnerTerm`.

    Examples:
        >>> model = dict(
        ...     type='SemiEncoderDecoder',
        ...     terms=dict(
        ...         gct=dict(
        ...             type='GuidedCollaboration',
        ...             consistency_weight=dict(peak=100., iters=3000))))
        >>> optim_wrapper = dict(
        ...     constructor='CompositeOptimWrapperConstructor',
        ...     parts={
        ...         'terms.gct.detector':
        ...         dict(type='Adam', lr=1e-4, betas=(0.9, 0.99))
        ...     })
    """

    def __init__(self,
                 view: str = 'weak',
                 detector: Optional[dict] = None,
                 detector_weight: float = 10.,
                 correction_weight: float = 1.,
                 consistency_weight: Union[float, dict] = 100.,
                 flaw_threshold: float = 0.6,
                 **kwargs) -> None:
        super().__init__(view=view, **kwargs)
        self._detector = detector or {}
        self.detector_weight = detector_weight
        self.correction_weight = correction_weight
        self.consistency_weight = Ramp.of(consistency_weight)
        self.flaw_threshold = flaw_threshold

    def bind(self, segmentor: nn.Module) -> None:
        """Builds the second network and the detector."""
        super().bind(segmentor)
        self.detector = MODELS.build({
            'type': 'FlawDetector',
            'in_channels': segmentor.in_channels,
            'num_classes': segmentor.pixel_head.num_classes,
            **self._detector
        })

    def check(self, segmentor: nn.Module, loader) -> None:
        """Checks that crops are large enough for the detector."""
        super().check(segmentor, loader)
        size = getattr(segmentor.data_preprocessor, 'size', None)
        if size and hasattr(self.detector, 'check_size'):
            self.detector.check_size(size)

    def loss(self, batch: SemiBatch) -> dict:
        """Losses of both networks and of the detector.

        Args:
            batch (SemiBatch): Batch with the view.

        Returns:
            dict[str, Tensor]: ``loss``, flaw correction and dynamic
            consistency of both networks; ``loss_partner``, the supervised
            loss of the second network; ``loss_detector``, the loss of the
            detector; ``bad_ratio``, share of the pixels on which both
            networks are bad; ``taught_ratio``, share of the pixels on which
            the second network is the target of the first.
        """
        labeled, view = batch.labeled, batch.view(self.views[0])
        supervised, scores, valid = self.on_all_images(batch)
        heads = (batch.model.pixel_head, self.partner_head)
        maps = [
            class_probabilities(head, single.float())
            for head, single in zip(heads, scores)
        ]
        images = torch.cat([labeled.images, view.images])
        flaws = [self.detector(images, single.detach()) for single in maps]
        normalised = [normalised_flaw_map(single, valid) for single in flaws]
        bad = ((normalised[0] > self.flaw_threshold)
               & (normalised[1] > self.flaw_threshold))
        no_worse = [
            no_worse_mask(*pair, self.flaw_threshold)
            for pair in (normalised, normalised[::-1])
        ]
        detector = frozen(self.detector)
        correction = sum(
            flaw_correction_loss(detector(images, single), bad, valid)
            for single in maps)
        consistency = sum(
            dynamic_consistency_loss(*pair, mask, valid)
            for pair, mask in zip((maps, maps[::-1]), no_worse))
        weight = self.consistency_weight(
            batch.iteration - max(self.start_iters, batch.model.warmup_iters))
        return dict(
            loss=self.correction_weight * correction + weight * consistency,
            loss_partner=supervised,
            loss_detector=self._detector_loss(flaws, maps, labeled,
                                              heads[0].ignore_index),
            bad_ratio=_share(bad[:, 0], valid),
            taught_ratio=_share(~no_worse[0][:, 0], valid))

    def _detector_loss(self, flaws: List[Tensor], maps: List[Tensor],
                       labeled: LabeledPart, ignore_index: int) -> Tensor:
        """Loss of the detector: half for the predictions of each network."""
        count = len(labeled.masks)
        return self.detector_weight / 2 * sum(
            F.mse_loss(
                found[:count],
                flaw_target(single[:count], labeled.masks, ignore_index))
            for found, single in zip(flaws, maps))


def _share(chosen: Tensor, valid: Tensor) -> Tensor:
    return (chosen & valid).sum() / valid.sum().clamp(min=1)
