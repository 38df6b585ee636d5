"""Squared-consistency term of mean teacher and CutMix-Seg."""
from typing import Optional, Sequence, Tuple, Union

from mmseg.registry import MODELS

from ..head_features import class_confidence, class_probabilities
from ..losses.squared_consistency_loss import (
    WEIGHTINGS,
    squared_consistency_loss,
)
from ..semi_batch import SemiBatch
from .mixer import Mixer, mixed_view
from .semi_term import SemiTerm


@MODELS.register_module()
class SquaredConsistency(SemiTerm):
    """Squared-consistency term between the network and the mean teacher.

    It implements mean teacher (Tarvainen and Valpola, NeurIPS 2017) and,
    with ``mix``, CutMix-Seg (French et al., BMVC 2020). The teacher predicts
    on a weakly augmented view, the network on a strongly augmented, mixed
    view. The loss is the squared difference of their probabilities, see
    :func:`squared_consistency_loss`. The views may show different windows.

    Differences from the published code: the teacher is always in evaluation
    mode (CutMix-Seg: training mode with frozen batch norms, which differs
    only in dropout); the batch norms of the network are not frozen (set
    ``model.backbone.norm_eval=True`` to freeze them); images are mixed with
    others of the same batch, not of a second one; padding is left out of
    both means. Mean teacher: labeled images have no consistency loss (an
    option in one of the published codes); the noise is the augmentation of
    the view.

    Args:
        views (tuple[str, str]): View of the teacher and view of the network;
            they may be the same. Defaults to ('weak', 'strong1').
        confidence (str, optional): 'batch': the loss is multiplied by the
            share of pixels on which the teacher is confident. 'pixel': only
            these pixels count. None: the confidence is not used. Defaults to
            'batch', CutMix-Seg; mean teacher: None.
        threshold (float): Minimum confidence, in [0, 1]. Defaults to 0.97,
            CutMix-Seg.
        mix (str | dict, optional): :class:`Mixer` of images, probabilities
            and padding; CutMix-Seg: 'half_box'. Defaults to None: no mixing,
            mean teacher.
        **kwargs: See :class:`SemiTerm`.

    Raises:
        ValueError: If an argument is out of range.

    Examples:
        >>> model = dict(
        ...     type='SemiEncoderDecoder',
        ...     terms=dict(
        ...         consistency=dict(
        ...             type='SquaredConsistency', mix='half_box')))
        >>> custom_hooks = [
        ...     dict(type='SupervisedWarmupHook', warmup_iters=0),
        ...     dict(type='MeanTeacherHook', momentum=0.01)
        ... ]
    """

    needs_teacher = True

    def __init__(self,
                 views: Sequence[str] = ('weak', 'strong1'),
                 confidence: Optional[str] = 'batch',
                 threshold: float = 0.97,
                 mix: Union[None, str, dict] = None,
                 **kwargs) -> None:
        super().__init__(views=views, **kwargs)
        if len(self.views) != 2:
            raise ValueError('SquaredConsistency.views: expected two views, '
                             'one of the teacher and one of the network, got '
                             f'{views}.')
        if confidence not in WEIGHTINGS:
            raise ValueError('SquaredConsistency.confidence: expected one of '
                             f'{WEIGHTINGS}, got {confidence!r}.')
        if not 0 <= threshold <= 1:
            raise ValueError('SquaredConsistency.threshold: expected a '
                             f'confidence in [0, 1], got {threshold}.')
        self.confidence = confidence
        self.threshold = threshold
        self.mixer = Mixer.of(mix)

    @property
    def gate(self) -> Optional[Tuple[str, float]]:
        """See :class:`SemiTerm`."""
        if self.confidence != 'pixel':
            return None
        return 'threshold', self.threshold

    def loss(self, batch: SemiBatch) -> dict:
        """Consistency loss on the view of the network.

        Args:
            batch (SemiBatch): Batch with both views.

        Returns:
            dict[str, Tensor]: ``loss``; ``confident_ratio``, share of the
            pixels of its view on which the teacher is confident.
        """
        head = batch.model.pixel_head
        taught, seen = (batch.view(name) for name in self.views)
        scores = taught.teacher_scores.float()
        confidence, labels = class_confidence(head, scores)
        targets = dict(
            probabilities=class_probabilities(head, scores),
            confidence=confidence,
            labels=labels,
            valid=taught.valid)
        view = mixed_view(taught, seen, targets, self.mixer)
        scores = batch.encode(view['images']) if self.mixer else seen.scores
        loss = squared_consistency_loss(
            class_probabilities(head, scores.float()), view['probabilities'],
            view['confidence'], view['valid'], self.threshold,
            self.confidence)
        confident = (confidence >= self.threshold) & taught.valid
        return dict(
            loss=loss,
            confident_ratio=confident.sum() / taught.valid.sum().clamp(min=1))
