"""Term of error-correcting supervision (after Mendel et al., ECCV 2020)."""
from typing import Optional, Union

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..correction_network import CorrectionNetwork
from ..frozen import frozen
from ..head_features import (
    class_labels,
    class_probabilities,
    uses_sigmoid,
)
from ..losses.adversarial_loss import one_hot_maps
from ..losses.error_correction_loss import (
    BALANCED,
    corrected_label_loss,
    corrected_labels,
    correction_targets,
    corrector_loss,
    match_loss,
)
from ..semi_batch import SemiBatch
from .semi_term import SemiTerm

INPUTS = ('probabilities', 'logits', 'one_hot')


@MODELS.register_module()
class ErrorCorrection(SemiTerm):
    """ECS-style term: a second network corrects the segmentor's label maps.

    The input of the corrector is an image with its predicted label map. On
    labeled images it is trained to predict "match" where the map is right
    and the true class where it is wrong; the segmentor is trained to predict
    maps that match. On unlabeled images the segmentor is trained on its own
    labels after correction, weighted by the corrector's certainty. The two
    networks cooperate; there is no adversarial loss. One forward and one
    backward pass train both networks, which are always in training mode.

    ECS has no public code. Its abstract states the two networks, what each
    is trained on, and that the certainty is a weight. All other choices are
    this project's. Arguments: the network of the corrector and its input,
    the balance of its loss, the weights, the kind of certainty, the
    normalisation, and the start of the loss on unlabeled images. In
    optim_wrapper: the optimizer of the corrector. Fixed: "match" as an
    additional class, and the cross entropy with it as the regulariser.
    Results are not those of the paper.

    Args:
        view (str): View of the unlabeled images. Defaults to 'weak'.
        corrector (dict, optional): Config keys, such as ``backbone``, in
            which the corrector differs from the segmentor. Defaults to None
            (own choice): the segmentor's config, with the same pretrained
            weights. The first convolution is widened and the heads get an
            additional class, see :class:`CorrectionNetwork`.
        corrector_input (str): Form of the prediction in the input:
            'probabilities', 'logits' or 'one_hot'. Defaults to
            'probabilities' (own choice).
        match_weight (float | str): See :func:`corrector_loss`. Defaults to
            'balanced' (own choice: right pixels soon outnumber wrong ones).
        regulariser_weight (float): Weight of the regulariser, the cross
            entropy with "match" on labeled images. Defaults to 0.01 (own
            choice: the weight of the adversarial loss on labeled images in
            AdvSemiSeg).
        unlabeled_weight (float): Weight of the loss on unlabeled images.
            Defaults to 1 (own choice).
        unlabeled_iters (int): First training iteration with a loss on
            unlabeled images, so that the corrector can be trained first.
            Defaults to 0 (own choice).
        certainty (str): See :func:`corrected_labels`. Defaults to 'max' (own
            choice).
        normalise (str): See :func:`corrected_label_loss`. Defaults to
            'valid' (own choice).
        **kwargs: See :class:`SemiTerm`.

    Raises:
        ValueError: If an argument is unknown, or the regulariser has no
            gradient through the corrector's input.

    Examples:
        >>> model = dict(
        ...     type='SemiEncoderDecoder',
        ...     terms=dict(correction=dict(type='ErrorCorrection')))
        >>> optim_wrapper = dict(
        ...     constructor='CompositeOptimWrapperConstructor',
        ...     parts={
        ...         'terms.correction.corrector':
        ...         dict(type='AdamW', lr=1e-4, weight_decay=1e-5)
        ...     })
    """

    needs_labeled = True

    def __init__(self,
                 view: str = 'weak',
                 corrector: Optional[dict] = None,
                 corrector_input: str = 'probabilities',
                 match_weight: Union[float, str] = BALANCED,
                 regulariser_weight: float = 0.01,
                 unlabeled_weight: float = 1.,
                 unlabeled_iters: int = 0,
                 certainty: str = 'max',
                 normalise: str = 'valid',
                 **kwargs) -> None:
        super().__init__(views=(view, ), **kwargs)
        if corrector_input not in INPUTS:
            raise ValueError(
                f'ErrorCorrection.corrector_input must be one of {INPUTS}, '
                f'got {corrector_input!r}.')
        if isinstance(match_weight, str) and match_weight != BALANCED:
            raise ValueError(
                'ErrorCorrection.match_weight: expected a number or '
                f'{BALANCED!r}, got {match_weight!r}.')
        if corrector_input == 'one_hot' and regulariser_weight:
            raise ValueError(
                "ErrorCorrection.corrector_input='one_hot' has no gradient "
                'for the regulariser. Set regulariser_weight=0. or '
                "corrector_input='probabilities'.")
        self._changes = corrector or {}
        self.corrector_input = corrector_input
        self.match_weight = match_weight
        self.regulariser_weight = regulariser_weight
        self.unlabeled_weight = unlabeled_weight
        self.unlabeled_iters = unlabeled_iters
        self.certainty = certainty
        self.normalise = normalise

    def bind(self, segmentor: nn.Module) -> None:
        """Builds the corrector."""
        head = segmentor.pixel_head
        map_channels = (
            head.out_channels
            if self.corrector_input == 'logits' else head.num_classes)
        self.corrector = CorrectionNetwork(
            {
                **segmentor.stock_config,
                **self._changes
            }, segmentor.in_channels, map_channels, head.num_classes + 1)

    def loss(self, batch: SemiBatch) -> dict:
        """Losses of the segmentor and of the corrector.

        Args:
            batch (SemiBatch): Batch with the view.

        Returns:
            dict[str, Tensor]: ``loss``, the weighted sum of the segmentor's
            losses; ``loss_corrector``; ``match_ratio``, share of the
            unlabeled pixels whose label the corrector does not change;
            ``error_recall``, share of the segmentor's errors on labeled
            images that the corrector finds.
        """
        head = batch.model.pixel_head
        labeled, view = batch.labeled, batch.view(self.views[0])
        match = head.num_classes
        known = labeled.masks != head.ignore_index
        labels = class_labels(head, labeled.scores.detach())
        targets = correction_targets(labels, labeled.masks, match)
        maps = self.maps_of(head, labeled.scores)
        found = self.corrector(labeled.images, maps.detach())
        loss = 0.
        if self.regulariser_weight:
            scores = frozen(self.corrector)(labeled.images, maps)
            loss = self.regulariser_weight * match_loss(scores, known)
        own, corrected, certainty = self.targets_of(batch)
        # Also before ``unlabeled_iters``, for the diagnostics in the log.
        on_unlabeled = corrected_label_loss(
            view.scores, corrected, certainty, view.valid, self.normalise,
            uses_sigmoid(head))
        is_on = batch.iteration >= self.unlabeled_iters
        wrong = known & (targets != match)
        seen = view.valid.sum().clamp(min=1)
        return dict(
            loss=loss + is_on * self.unlabeled_weight * on_unlabeled,
            loss_corrector=self.idle_loss() + corrector_loss(
                found, targets, known, self.match_weight),
            match_ratio=(view.valid & (own == corrected)).sum() / seen,
            error_recall=(wrong & (found.argmax(1) != match)).sum() /
            wrong.sum().clamp(min=1))

    def targets_of(self, batch: SemiBatch) -> tuple:
        """Labels of the unlabeled images before and after correction.

        Args:
            batch (SemiBatch): Batch with the view.

        Returns:
            tuple[Tensor]: Labels of the segmentor, corrected labels and
            their certainty, shape (U, H, W) each.
        """
        head, view = batch.model.pixel_head, batch.view(self.views[0])
        scores = view.scores.detach()
        labels = class_labels(head, scores)
        with torch.no_grad():
            found = self.corrector(view.images, self.maps_of(head, scores))
        return labels, *corrected_labels(found, labels, self.certainty)

    def maps_of(self, head: nn.Module, scores: Tensor) -> Tensor:
        """Label maps for the corrector, shape (N, channels, H, W)."""
        if self.corrector_input == 'logits':
            return scores
        if self.corrector_input == 'probabilities':
            return class_probabilities(head, scores)
        labels = class_labels(head, scores)
        return one_hot_maps(labels, head.num_classes, -1).to(scores)
