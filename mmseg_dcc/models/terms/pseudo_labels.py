"""Pseudo-label term of FixMatch, UniMatch V2 and ClassMix."""
from typing import Callable, Dict, Optional, Sequence, Tuple, Union

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..channel_dropout import complementary_masks, mask_channels
from ..class_alignment import ClassAlignment
from ..head_features import class_confidence, uses_sigmoid
from ..losses.pseudo_label_loss import pseudo_label_loss
from ..semi_batch import SemiBatch
from .mixer import Mixer, mixed_view
from .semi_term import SemiTerm


@MODELS.register_module()
class PseudoLabels(SemiTerm):
    """Pseudo-label term: confident labels of one view train other views.

    It implements FixMatch for segmentation and UniMatch V2 (Yang et al.,
    TPAMI 2025). The teacher, or the network itself, predicts labels on a
    weakly augmented view. The network is trained with the confident ones on
    strongly augmented, mixed views. The views may show different windows:
    labels are moved to the window of each view.

    ClassMix (Olsson et al., WACV 2021) is ``mix='classmix'``,
    ``threshold=0.968`` and ``normalise='share'``.

    Differences from the published code:

    * FixMatch, UniMatch: the labeled images have a separate forward pass
      (published: one pass with the strong view in UniMatch V2, with the weak
      view in V1).
    * Without a teacher, the labels of a pasted region come from the same
      pass as all others (published in V1: a separate pass of the partner's
      weak view in evaluation mode).
    * ClassMix: the teacher is in evaluation mode and its batch norm
      statistics are averages of the network's (published: training mode,
      statistics of the current batch). Colours are changed before mixing,
      not after. Padding does not count as a class and is left out of both
      means.

    Args:
        label_view (str): View on which labels are predicted. Defaults to
            'weak'.
        train_views (Sequence[str]): Views that are trained with these
            labels, in one forward pass, as published. Defaults to
            ('strong1',).
        teacher (bool): Whether the mean teacher predicts the labels (needs
            ``MeanTeacherHook``). If False, the network itself does, in
            training mode and without gradient. Defaults to True, UniMatch
            V2.
        threshold (float): Minimum confidence of a label, in [0, 1]. Defaults
            to 0.95, UniMatch V2.
        mix (str | dict, optional): :class:`Mixer` of images, labels,
            confidence and padding. Defaults to None: no mixing.
        channel_dropout (bool): Whether to apply complementary channel
            dropout (UniMatch V2): of two ``train_views``, the first keeps a
            random half of the feature channels, the second the other half.
            Half of the images keep all channels in both. Defaults to False.
        normalise (str): See :func:`pseudo_label_loss`. Defaults to 'valid',
            UniMatch: the mean over all pixels outside the padding.
        alignment (dict, optional): Arguments of :class:`ClassAlignment`,
            such as ``dict(power=0.5)``: labels of classes that are predicted
            too rarely are preferred. Needs a softmax over the classes.
            Defaults to None, as in all the methods above.
        **kwargs: See :class:`SemiTerm`.

    Raises:
        ValueError: If an argument is out of range.

    Examples:
        >>> model = dict(
        ...     type='SemiEncoderDecoder',
        ...     sup_weight=0.5,
        ...     terms=dict(
        ...         pseudo=dict(
        ...             type='PseudoLabels', weight=0.5, mix='cutmix',
        ...             train_views=('strong1', 'strong2'),
        ...             channel_dropout=True)))
        >>> custom_hooks = [
        ...     dict(type='SupervisedWarmupHook', warmup_iters=0),
        ...     dict(type='MeanTeacherHook', momentum=0.004,
        ...          ema_type='MomentumAnnealingEMA', gamma=1)
        ... ]
    """

    def __init__(self,
                 label_view: str = 'weak',
                 train_views: Sequence[str] = ('strong1', ),
                 teacher: bool = True,
                 threshold: float = 0.95,
                 mix: Union[None, str, dict] = None,
                 channel_dropout: bool = False,
                 normalise: str = 'valid',
                 alignment: Optional[dict] = None,
                 **kwargs) -> None:
        train_views = tuple(train_views)
        super().__init__(views=(label_view, *train_views), **kwargs)
        if not 0 <= threshold <= 1:
            raise ValueError('PseudoLabels.threshold: expected a confidence '
                             f'in [0, 1], got {threshold}.')
        if not train_views or channel_dropout and len(train_views) != 2:
            raise ValueError(
                'PseudoLabels.train_views: expected at least one view, and '
                f'two with channel_dropout; got {train_views}.')
        self.label_view = label_view
        self.train_views = train_views
        self.needs_teacher = teacher
        self.threshold = threshold
        self.mixer = Mixer.of(mix)
        self.channel_dropout = channel_dropout
        self.normalise = normalise
        self._alignment = alignment
        self.alignment: Optional[ClassAlignment] = None

    def bind(self, segmentor: nn.Module) -> None:
        """Builds the alignment for the segmentor's classes."""
        super().bind(segmentor)
        if self._alignment is None:
            return
        if uses_sigmoid(segmentor.pixel_head):
            raise ValueError(
                'PseudoLabels.alignment compares probabilities that sum to 1, '
                'but each class of model.decode_head has a sigmoid. Remove '
                'alignment, or set use_sigmoid=False in loss_decode.')
        self.alignment = ClassAlignment(segmentor.num_classes,
                                        **self._alignment)

    @property
    def gate(self) -> Tuple[str, float]:
        """See :class:`SemiTerm`."""
        return 'threshold', self.threshold

    def loss(self, batch: SemiBatch) -> dict:
        """Pseudo-label loss on the train views.

        Args:
            batch (SemiBatch): Batch with all views of the term.

        Returns:
            dict[str, Tensor]: ``loss``, the mean over the train views;
            ``pseudo_ratio``, the share of the label view's pixels whose
            label is confident enough.
        """
        targets = self.targets_of(batch)
        return dict(
            loss=self.loss_of_train_views(batch, targets),
            pseudo_ratio=self.kept_share(targets))

    def loss_of_train_views(self, batch: SemiBatch,
                            targets: Dict[str, Tensor]) -> Tensor:
        """Mean loss over the train views, which share one forward pass.

        Args:
            batch (SemiBatch): Batch with the train views.
            targets (dict[str, Tensor]): Result of :meth:`targets_of`.
        """
        labeled = batch.view(self.label_view)
        views = [
            mixed_view(labeled, batch.view(name), targets, self.mixer)
            for name in self.train_views
        ]
        scores = batch.encode(
            torch.cat([view['images'] for view in views]),
            self._dropout(len(views[0]['images'])))
        losses = [
            self.loss_on(batch, scores_of_view, view)
            for scores_of_view, view in zip(scores.chunk(len(views)), views)
        ]
        return sum(losses) / len(losses)

    def loss_on(self, batch: SemiBatch, scores: Tensor,
                targets: Dict[str, Tensor]) -> Tensor:
        """See :func:`pseudo_label_loss`."""
        return pseudo_label_loss(
            scores, targets['labels'], targets['confidence'],
            targets['valid'], self.threshold, self.normalise,
            uses_sigmoid(batch.model.pixel_head))

    def kept_share(self, targets: Dict[str, Tensor]) -> Tensor:
        """Share of the label view's valid pixels above the threshold."""
        valid = targets['valid']
        kept = (targets['confidence'] >= self.threshold) & valid
        return kept.sum() / valid.sum().clamp(min=1)

    def targets_of(self, batch: SemiBatch) -> Dict[str, Tensor]:
        """Labels and confidence in the geometry of the label view.

        Args:
            batch (SemiBatch): Batch with the label view.

        Returns:
            dict[str, Tensor]: See :meth:`targets_from`.
        """
        view = batch.view(self.label_view)
        if self.needs_teacher:
            return self.targets_from(batch, view.teacher_scores)
        # A pass that another term may learn from is shared with it.
        shared = any(
            self.label_view in term.views
            for term in batch.model.terms.values() if term is not self)
        with torch.set_grad_enabled(torch.is_grad_enabled() and shared):
            return self.targets_from(batch, view.scores)

    def targets_from(self, batch: SemiBatch,
                     scores: Tensor) -> Dict[str, Tensor]:
        """Labels and confidence from given scores on the label view.

        Args:
            batch (SemiBatch): Batch with the label view.
            scores (Tensor): Scores of shape (U, out_channels, H, W).

        Returns:
            dict[str, Tensor]: ``labels``, int64, ``confidence`` and
            ``valid``, shape (U, H, W) each, without gradient.
        """
        view = batch.view(self.label_view)
        if self.alignment is None:
            confidence, labels = class_confidence(batch.model.pixel_head,
                                                  scores.detach())
        else:
            confidence, labels = self.alignment(
                scores.detach().float().softmax(1), view.valid,
                batch.labeled.masks).max(1)
        return dict(labels=labels, confidence=confidence, valid=view.valid)

    def _dropout(self, count: int) -> Optional[Callable]:
        """Complementary channel dropout for the two views of each image."""
        if not self.channel_dropout:
            return None
        drawn: Dict[int, Tensor] = {}

        def drop(maps: Tensor) -> Tensor:
            # Levels of one width share their masks, as published.
            channels = maps.shape[1]
            if channels not in drawn:
                drawn[channels] = torch.cat(
                    complementary_masks(
                        count, channels, device=maps.device)).to(maps.dtype)
            return mask_channels(maps, drawn[channels])

        return drop
