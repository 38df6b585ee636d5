"""Term of cross-consistency training, CCT (Ouali et al., CVPR 2020)."""
from contextlib import nullcontext
from typing import Callable, Dict, Iterator, Optional, Union

import torch
from mmengine.logging import print_log
from mmengine.model import ModuleDict, ModuleList
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..auxiliary_decoders import feature_stride, nearest_upscale
from ..head_features import (
    class_labels,
    class_probabilities,
    dropout_off,
    uses_sigmoid,
)
from ..losses.pixel_cross_entropy import pixel_cross_entropy
from ..losses.pixel_distance import pixel_distance
from ..losses.reductions import masked_mean_over_processes
from ..perturbations import (
    PERTURBATIONS,
    cut_out,
    drop_active,
    drop_channels,
    mask_context,
    mask_objects,
    object_boxes,
    scale_by_noise,
    shift_adversarially,
)
from ..semi_batch import UNKNOWN_IN_FILES, SemiBatch, View, at_image_size
from .semi_term import SemiTerm

#: Number of decoders of each kind in the published config of CCT.
DECODERS = dict(
    vat=2,
    dropout=6,
    cutout=6,
    context=2,
    object=2,
    feature_drop=6,
    feature_noise=6)
#: Kinds of perturbations that need to know where objects are.
GUIDED = ('cutout', 'context', 'object')


@MODELS.register_module()
class CrossConsistency(SemiTerm):
    """CCT term: auxiliary decoders agree on perturbed features.

    The features of an unlabeled image are perturbed in seven ways
    (``perturbations.py``). Each :class:`AuxiliaryDecoder` is trained to
    predict from its perturbed features what the main classifier predicts
    from the clean ones. The encoder gets gradients from all decoders, the
    main classifier from none.

    Differences from the published code: the main decoder is the stock head,
    whose dropout is off for the targets; outputs of decoders that do not
    have the size of the image (a stride that is not a power of 2) are
    resized; padding is left out; the adversarial shift has the configured
    length (:func:`shift_adversarially`). There is no loss between decoders
    and no mask of confident pixels; both are off in the published config,
    too.

    Args:
        view (str): View of the unlabeled images. Defaults to 'weak'.
        background (int, optional): Id of the background class, published: 0.
            Defaults to None: there is no background, and 'cutout', 'context'
            and 'object' must have no decoders.
        decoders (dict[str, int], optional): Number of decoders of each kind,
            0 for none; other kinds keep the published number. Defaults to
            None: vat=2, dropout=6, cutout=6, context=2, object=2,
            feature_drop=6, feature_noise=6.
        perturbations (dict[str, dict], optional): Settings of each kind that
            differ from the published ones: vat=dict(xi=0.1, eps=2.),
            dropout=dict(prob=0.5), cutout=dict(erase=0.4, min_points=50),
            feature_drop=dict(threshold_range=(0.7, 0.9)),
            feature_noise=dict(amplitude=0.3). Defaults to None.
        distance (str): See :func:`pixel_distance`. Defaults to 'mse', CCT.
        weak_weight (float): Weight of the cross entropy of all decoders with
            weak masks made from image-level labels, when ``weight`` is at
            its peak; both ramp up together. Published: 0.4. Defaults to 0:
            no weak masks are used.
        stride (int, optional): Stride of the features in pixels. Defaults to
            None: inferred from a forward pass on an image of zeros.
        weight (float | dict): See :class:`SemiTerm`. Defaults to 30;
            published with a sigmoid ramp over a tenth of the training.
        **kwargs: See :class:`SemiTerm`.

    Raises:
        ValueError: If an argument is out of range, a kind of decoder needs
            the background and there is none, or the classes of the head do
            not share a softmax.

    Examples:
        >>> model = dict(
        ...     type='SemiEncoderDecoder',
        ...     terms=dict(
        ...         cct=dict(
        ...             type='CrossConsistency', background=0,
        ...             decoders=dict(vat=0),
        ...             weight=dict(peak=30., iters=2000))))
    """

    def __init__(self,
                 view: str = 'weak',
                 background: Optional[int] = None,
                 decoders: Optional[Dict[str, int]] = None,
                 perturbations: Optional[Dict[str, dict]] = None,
                 distance: str = 'mse',
                 weak_weight: float = 0.,
                 stride: Optional[int] = None,
                 weight: Union[float, dict] = 30.,
                 **kwargs) -> None:
        super().__init__(views=(view, ), weight=weight, **kwargs)
        _check_known('decoders', decoders, DECODERS)
        _check_known('perturbations', perturbations, PERTURBATIONS)
        self.counts = {**DECODERS, **(decoders or {})}
        self.settings = {}
        for kind, published in PERTURBATIONS.items():
            changes = (perturbations or {}).get(kind) or {}
            _check_known(f'perturbations.{kind}', changes, published)
            self.settings[kind] = {**published, **changes}
        guided = [kind for kind in GUIDED if self.counts[kind]]
        if background is None and guided:
            raise ValueError(
                f'CrossConsistency: decoders of the kinds {guided} need to '
                'know where objects are, but background is None. Set '
                'background to the id of the background class (0 on PASCAL '
                'VOC); if there is none, set '
                f'decoders=dict({", ".join(f"{k}=0" for k in guided)}).')
        if min(self.counts.values()) < 0 or not any(self.counts.values()):
            raise ValueError('CrossConsistency.decoders: expected numbers of '
                             'at least 0 and at least one decoder in total, '
                             f'got {self.counts}.')
        if weak_weight < 0:
            raise ValueError('CrossConsistency.weak_weight: expected a weight '
                             f'of at least 0, got {weak_weight}.')
        self.background = background
        self.distance = distance
        self.weak_weight = weak_weight
        self.needs_weak_masks = weak_weight > 0
        self.stride = stride

    def bind(self, segmentor: nn.Module) -> None:
        """Builds the decoders for the segmentor's features."""
        head = segmentor.pixel_head
        if uses_sigmoid(head) and head.out_channels > 1:
            raise ValueError(
                'CrossConsistency (CCT) compares the softmax of decoders with '
                'the probabilities of the main classifier, but this decode '
                'head has a sigmoid for each class. Set '
                'decode_head.loss_decode.use_sigmoid=False.')
        if not 0 <= (self.background or 0) < head.num_classes:
            raise ValueError(
                'CrossConsistency.background: expected one of the '
                f'{head.num_classes} classes, got {self.background}.')
        config = dict(
            type='AuxiliaryDecoder',
            in_channels=head.channels,
            num_classes=head.num_classes,
            upscale=nearest_upscale(self.stride or feature_stride(segmentor)))
        self.decoders = ModuleDict({
            kind: ModuleList([MODELS.build(config) for _ in range(count)])
            for kind, count in self.counts.items() if count
        })

    def check(self, segmentor: nn.Module, loader) -> None:
        """Logs which class is taken for background."""
        super().check(segmentor, loader)
        classes = loader.dataset.metainfo.get('classes') or ()
        if self.background is not None and self.background < len(classes):
            print_log(
                'CrossConsistency takes every class for an object except '
                f'{self.background}, {classes[self.background]!r}.',
                logger='current')

    def loss(self, batch: SemiBatch) -> dict:
        """Mean distance between the decoders and the main classifier.

        Args:
            batch (SemiBatch): Batch with the view. Its samples must have
                ``weak_sem_seg`` if ``weak_weight`` is not 0.

        Returns:
            dict[str, Tensor]: ``loss``; ``object_ratio``, share of the
            pixels that are predicted as objects, if there is a background;
            ``weak_cross_entropy`` if weak masks are used.
        """
        view, model = batch.view(self.views[0]), batch.model
        head, size = model.pixel_head, view.images.shape[2:]
        features = view.features  # with gradient: one pass for all decoders
        with torch.no_grad(), dropout_off(head):
            scores = model.scores_of(features.detach(), size).float()
        target = class_probabilities(head, scores)
        objects = view.valid
        if self.background is not None:
            labels = class_labels(head, scores)
            objects = objects & (labels != self.background)
        answers = [
            answer if answer.shape[2:] == size else at_image_size(
                head, answer, size)
            for answer in self._answers(view, objects)
        ]
        loss = masked_mean_over_processes(
            sum(pixel_distance(answer, target, self.distance)
                for answer in answers) / len(answers), view.valid)
        found = dict(loss=loss)
        if self.background is not None:
            found['object_ratio'] = (
                objects.sum() / view.valid.sum().clamp(min=1))
        if self.needs_weak_masks:
            masks = torch.stack(view.masks('weak'))
            known = (masks != UNKNOWN_IN_FILES) & view.valid
            masks = masks.where(known, torch.zeros_like(masks))
            weak = masked_mean_over_processes(
                sum(pixel_cross_entropy(answer, masks)
                    for answer in answers) / len(answers), known)
            found['weak_cross_entropy'] = weak.detach()
            # `weight` multiplies both losses.
            share = self.weak_weight / (self.weight.peak or 1.)
            found['loss'] = loss + share * weak
        return found

    def _answers(self, view: View, objects: Tensor) -> Iterator[Tensor]:
        """Scores of each decoder on its perturbed features."""
        perturb = self._perturbations(view.features, objects, view.valid)
        for kind, decoders in self.decoders.items():
            for decoder in decoders:
                perturbed = perturb[kind](decoder)
                # Half precision would round the adversarial shift away.
                exact = torch.autocast(perturbed.device.type, enabled=False)
                with exact if kind == 'vat' else nullcontext():
                    scores = decoder(perturbed)
                yield scores

    def _perturbations(self, features: Tensor, objects: Tensor,
                       valid: Tensor) -> Dict[str, Callable]:
        """Functions that compute the input of a decoder, by kind."""
        settings, erase = self.settings, self.settings['cutout']['erase']
        # Computed once for all decoders.
        boxes = self.counts['cutout'] and object_boxes(
            objects, settings['cutout']['min_points'])
        return dict(
            vat=lambda decoder: shift_adversarially(
                features, decoder, valid, **settings['vat']),
            dropout=lambda _: drop_channels(features, **settings['dropout']),
            cutout=lambda _: cut_out(
                features, boxes, valid.shape[1:], erase),
            context=lambda _: mask_context(features, objects),
            object=lambda _: mask_objects(features, objects),
            feature_drop=lambda _: drop_active(
                features, valid=valid, **settings['feature_drop']),
            feature_noise=lambda _: scale_by_noise(
                features, **settings['feature_noise']))


def _check_known(name: str, given: Optional[dict], known: dict) -> None:
    unknown = [key for key in given or {} if key not in known]
    if unknown:
        raise ValueError(f'CrossConsistency.{name}: unknown keys {unknown}; '
                         f'expected keys from {[*known]}. Change model.terms.')
