"""Unreliable pseudo labels as negatives: U2PL (Wang et al., CVPR 2022)."""
import logging
from typing import Dict, Optional, Sequence, Tuple, Union

import torch
from mmengine.logging import print_log
from mmengine.model import MomentumAnnealingEMA
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..class_queues import ClassQueues, draw_by_class
from ..head_features import (
    class_labels,
    class_probabilities,
    encoder_features,
    uses_sigmoid,
)
from ..losses.class_contrast import (
    PixelRows,
    anchor_rows,
    class_contrast_loss,
    class_prototypes,
    full_precision,
    negative_rows,
)
from ..losses.entropy_filtered_loss import (
    entropy_filtered_loss,
    entropy_thresholds,
    pixel_entropy,
)
from ..running_norms import running_norms
from ..semi_batch import SemiBatch, View, at_image_size
from .mixer import Mixer
from .semi_term import SemiTerm


@MODELS.register_module()
class UnreliablePseudoLabels(SemiTerm):
    """Sure pixels are labels, unsure ones negatives of what they are not.

    U2PL (Wang et al., CVPR 2022). The mean teacher labels the view. The
    network learns the labels where the teacher's entropy on the mixed image
    is low, and learns representations whose pixels are like the mean of
    their class and unlike a queue of pixels that are not of it: labeled ones
    that the teacher confuses with the class, and unlabeled ones of high
    entropy for which the class ranks low.

    The teacher's representation head is an average that this term keeps (the
    mean teacher has no terms of its own): of the parameters, as published,
    with the batch statistics of the network's.

    Differs from the published code, which does not do what the paper says:

    * it scatters label maps along the wrong axis, so that the first image
      has the classes of all and the others have none;
    * a pixel enters the queue of class c only if it is labeled c, so that
      labeled pixels never enter one and the rest are wrong for their class;
    * if a class is missing, anchors of one class meet the queue of another;
    * the contrast is divided by the number of processes once more.

    Nor are these followed: the teacher in training mode on labeled and mixed
    images at once (here it is in evaluation mode, as when it labels);
    anchors drawn with replacement; queues of 30,000 rows (50,000 for class
    0) that all negatives of a step enter, which turns them over in a step or
    two (here a random part enters smaller ones); one coin for the CutMix of a
    batch (here one an image) and the image after as partner (here the one
    before); thresholds of entropy, prototypes and means of each process
    (here of all); a schedule by epochs (here by iterations, of the length
    that ``SupervisedWarmupHook`` reads from the loop). Padding counts
    nowhere.

    Args:
        view (str): View that is labeled, and mixed to be learned. Defaults
            to 'weak'.
        unreliable (float): Share of the pixels that is unreliable in the
            beginning, alpha_0, in [0, 0.5]; falls to 0 at the end of the
            training. Defaults to 0.2, U2PL.
        mix (str | dict, optional): :class:`Mixer`; published: half the area
            with probability 0.5, as in the fragment. Defaults to None: not
            mixed.
        contrast_weight (float): Of the contrast beside the pseudo labels,
            >= 0; 0: there is none. Defaults to 1, U2PL.
        representation (dict, optional): Config of the
            :class:`RepresentationHead`. Defaults to None: 256 channels.
        momentum (float): Share of the newest weights in the average of the
            representation head, more in its first steps. Defaults to 0.01,
            U2PL; that of ``MeanTeacherHook`` is set there.
        queue_sizes (int | Sequence[int]): See :class:`ClassQueues`. Defaults
            to 5,000: 5 MB a class on the device and in checkpoints.
        queue_rows (int): Most rows of a class that a process appends in a
            step, drawn at random. Defaults to 500: the queues hold at least
            ten steps of one process.
        anchors (int): Most anchors of a class in a process. Defaults to 256,
            U2PL.
        negatives (int): Of each anchor. Defaults to 50, U2PL. Takes classes
            x anchors x negatives x channels x 4 bytes, 275 MB for VOC.
        anchor_threshold (float): Least probability of an anchor's class,
            in [0, 1]. Defaults to 0.3, U2PL.
        ranks (tuple[int, int]): r_l and r_h, see :func:`negative_rows`.
            Defaults to (3, 20), U2PL: needs more than three classes.
        temperature (float): See :func:`class_contrast_loss`. Defaults to
            0.5, U2PL.
        **kwargs: See :class:`SemiTerm`.

    Raises:
        ValueError: If an argument is out of its range, or if each of several
            classes has a sigmoid of its own: then entropies and ranks are
            not those of U2PL.

    Examples:
        >>> model = dict(
        ...     type='SemiEncoderDecoder',
        ...     terms=dict(
        ...         u2pl=dict(
        ...             type='UnreliablePseudoLabels',
        ...             mix=dict(area_range=(0.5, 0.5), ratio_range=(0.5, 2.),
        ...                      partner='roll'))))
        >>> custom_hooks = [
        ...     dict(type='SupervisedWarmupHook', warmup_epochs=1),
        ...     dict(type='MeanTeacherHook', momentum=0.01)
        ... ]
    """

    needs_teacher = True
    needs_labeled = True

    def __init__(self,
                 view: str = 'weak',
                 unreliable: float = 0.2,
                 mix: Union[None, str, dict] = None,
                 contrast_weight: float = 1.,
                 representation: Optional[dict] = None,
                 momentum: float = 0.01,
                 queue_sizes: Union[int, Sequence[int]] = 5000,
                 queue_rows: int = 500,
                 anchors: int = 256,
                 negatives: int = 50,
                 anchor_threshold: float = 0.3,
                 ranks: Tuple[int, int] = (3, 20),
                 temperature: float = 0.5,
                 **kwargs) -> None:
        super().__init__(views=(view, ), **kwargs)
        if not 0 <= unreliable <= 0.5 or contrast_weight < 0:
            raise ValueError(
                'UnreliablePseudoLabels: expected unreliable in [0, 0.5] and '
                f'contrast_weight >= 0, got {unreliable} and '
                f'{contrast_weight}.')
        if not 0 < ranks[0] < ranks[1]:
            raise ValueError(
                'UnreliablePseudoLabels.ranks: expected 0 < r_l < r_h, got '
                f'{tuple(ranks)}.')
        if min(queue_rows, anchors, negatives) < 1 or temperature <= 0:
            raise ValueError(
                'UnreliablePseudoLabels: queue_rows, anchors and negatives '
                'must be at least 1 and temperature above 0, got '
                f'{queue_rows}, {anchors}, {negatives} and {temperature}.')
        self.unreliable = unreliable
        self.mixer = Mixer.of(mix)
        self.contrast_weight = contrast_weight
        self._representation = representation or {}
        self.momentum = momentum
        self.queue_sizes = queue_sizes
        self.queue_rows = queue_rows
        self.anchors = anchors
        self.negatives = negatives
        self.anchor_threshold = anchor_threshold
        self.ranks = tuple(ranks)
        self.temperature = temperature

    def bind(self, segmentor: nn.Module) -> None:
        """Builds both representation heads and the queues."""
        head = segmentor.pixel_head
        if uses_sigmoid(head) and head.out_channels > 1:
            raise ValueError(
                'U2PL (UnreliablePseudoLabels) ranks classes by probabilities '
                'that add up to 1, but each class of this head has a sigmoid '
                'of its own. Set decode_head.loss_decode.use_sigmoid=False.')
        self.representation = MODELS.build({
            'type': 'RepresentationHead',
            'in_channels': head.channels,
            'norm_cfg': head.norm_cfg,
            **self._representation
        })
        # Parameters alone: their average survives a move to another device.
        self.teacher_representation = MomentumAnnealingEMA(
            self.representation, momentum=self.momentum, gamma=1)
        self.queues = ClassQueues(head.num_classes,
                                  self.representation.channels,
                                  self.queue_sizes)

    def check(self, segmentor: nn.Module, loader) -> None:
        """Warns where mixing or the queues would do nothing."""
        super().check(segmentor, loader)
        classes = segmentor.pixel_head.num_classes
        if self.contrast_weight and classes <= self.ranks[0]:
            print_log(
                'UnreliablePseudoLabels: unlabeled pixels are negatives of '
                f'classes of rank {self.ranks[0]} and more (counted from 0), '
                f'but there are {classes} classes: only labeled pixels will '
                'be negatives. Set ranks=(1, 20) of the term.',
                logger='current',
                level=logging.WARNING)

    def loss(self, batch: SemiBatch) -> dict:
        """Pseudo-label loss of the reliable pixels, and the contrast.

        Args:
            batch (SemiBatch): With the view and labeled images.

        Returns:
            dict[str, Tensor]: ``loss``, of both; ``pseudo_ratio``, share of
            the pixels whose label is learned; with a contrast its value as
            ``contrast`` and ``queue_fill``, share of the queues in use.
        """
        model, head = batch.model, batch.model.pixel_head
        mixed = self._mixed(batch.view(self.views[0]), head)
        images, valid = mixed['images'], mixed['valid']
        with running_norms(model, model.unlabeled_norm_eval):
            features = encoder_features(model, images)
        teacher = self._teacher_maps(model, images)
        entropy = pixel_entropy(
            class_probabilities(
                head, at_image_size(head, teacher[1], images.shape[2:])))
        low, high = entropy_thresholds(
            entropy, valid, self.unreliable * (1 - batch.progress))
        kept = valid & (entropy < high)
        loss = entropy_filtered_loss(
            model.scores_of(features, images.shape[2:]), mixed['labels'], kept,
            valid, uses_sigmoid(head))
        found = dict(pseudo_ratio=kept.sum() / valid.sum().clamp(min=1))
        if not self.contrast_weight:
            return dict(found, loss=loss + self.idle_loss())
        self.teacher_representation.update_parameters(self.representation)
        self.teacher_representation.eval()
        labeled = batch.labeled
        known = labeled.masks != head.ignore_index
        nothing = labeled.masks.new_tensor(-1)
        parts = [
            self._rows(head, labeled.features,
                       self._teacher_maps(model, labeled.images),
                       labeled.masks.where(known, nothing), known, known,
                       labeled=True),
            self._rows(head, features, teacher,
                       mixed['labels'].where(valid, nothing),
                       valid & (entropy <= low), valid & (entropy >= high),
                       labeled=False)
        ]
        contrast = self.contrast(
            PixelRows(*(torch.cat(both) for both in zip(*parts))))
        return dict(
            found,
            loss=loss + self.contrast_weight * contrast,
            contrast=contrast.detach(),
            queue_fill=self.queues.fill.sum() / self.queues.sizes.sum())

    def contrast(self, rows: PixelRows) -> Tensor:
        """Fills the queues, then compares the anchors with them.

        Args:
            rows (PixelRows): Of labeled and unlabeled images.

        Returns:
            Tensor: Scalar.
        """
        classes = rows.reliable_classes
        with torch.no_grad():
            index, queue = negative_rows(rows, self.ranks)
            drawn = draw_by_class(queue, self.queue_rows)
            self.queues.push(rows.teacher[index[drawn]], queue[drawn])
            prototypes, present = class_prototypes(
                rows.teacher, classes, rows.probabilities.shape[1])
            candidates = anchor_rows(rows, self.anchor_threshold)
            # without negatives there is nothing to tell a class from
            candidates = candidates[self.queues.fill[classes[candidates]] > 0]
            counts = classes[candidates].bincount(minlength=len(present))
            anchors = candidates[draw_by_class(classes[candidates],
                                               self.anchors)]
            negatives = self.queues.draw(classes[anchors], self.negatives)
        return class_contrast_loss(rows.student[anchors], classes[anchors],
                                   counts, negatives, prototypes, present,
                                   self.temperature)

    @torch.no_grad()
    def _mixed(self, view: View, head: nn.Module) -> Dict[str, Tensor]:
        """Images with the teacher's labels of the clean ones, mixed."""
        maps = dict(
            images=view.images,
            labels=class_labels(head, view.teacher_scores),
            valid=view.valid)
        if self.mixer:
            masks = self.mixer.draw(view.images)
            maps = {key: self.mixer(m, masks) for key, m in maps.items()}
        return maps

    @staticmethod
    @torch.no_grad()
    def _teacher_maps(model: nn.Module,
                      images: Tensor) -> Tuple[Tensor, Tensor]:
        """Features and scores of the teacher, scores in full precision."""
        features = encoder_features(model.teacher, images)
        return features, full_precision(
            model.teacher.pixel_head.cls_seg(features))

    def _rows(self, head: nn.Module, features: Tensor,
              teacher: Tuple[Tensor, Tensor], *masks, labeled: bool):
        """Rows of the pixels of one part of the batch."""
        taught, scores = teacher
        with torch.no_grad():
            taught = self.teacher_representation(taught)
        return PixelRows.of((self.representation(features), taught,
                             class_probabilities(head, scores)), *masks,
                            labeled)
