"""Term of adversarial learning, AdvSemiSeg (Hung et al., BMVC 2018)."""
from typing import Optional

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..frozen import frozen
from ..head_features import (
    class_labels,
    class_probabilities,
    uses_sigmoid,
)
from ..losses.adversarial_loss import (
    one_hot_maps,
    realism_loss,
    trusted_mask,
)
from ..losses.pseudo_label_loss import pseudo_label_loss
from ..semi_batch import SemiBatch
from .semi_term import SemiTerm


@MODELS.register_module()
class Adversarial(SemiTerm):
    """Adversarial term: a discriminator of predictions and masks (AdvSemiSeg).

    The segmentor is trained to make predictions on labeled and unlabeled
    images that the discriminator takes for masks. It is also trained with
    its own labels on unlabeled pixels that the discriminator trusts. One
    forward and one backward pass train both networks: the loss of the
    discriminator uses detached maps, the loss of the segmentor goes through
    the frozen discriminator.

    Differences from the published code: the real masks are those of the same
    labeled batch, not of another one; after ``self_iters`` the adversarial
    loss on unlabeled images also applies if no pixel is trusted; padding of
    unlabeled images is left out everywhere.

    Args:
        view (str): View of the unlabeled images. Defaults to 'weak'.
        discriminator (dict, optional): Config of the discriminator. Defaults
            to None: :class:`FullyConvDiscriminator`. Give it a separate
            optimizer with ``CompositeOptimWrapperConstructor``: Adam, 1e-4,
            betas (0.9, 0.99).
        labeled_weight (float): Weight of the adversarial loss on labeled
            images. Defaults to 0.01, the published command.
        unlabeled_weight (float): Weight of the adversarial loss on unlabeled
            images. Defaults to 0.001.
        self_weight (float): Weight of the cross entropy on trusted pixels.
            Defaults to 0.1.
        self_threshold (float): Minimum output of the discriminator on a
            trusted pixel, in [0, 1]. Defaults to 0.2.
        self_iters (int): First training iteration with a loss on trusted
            pixels. Defaults to 5,000 (of 20,000).
        **kwargs: See :class:`SemiTerm`.

    Examples:
        >>> model = dict(
        ...     type='SemiEncoderDecoder',
        ...     terms=dict(adversarial=dict(type='Adversarial')))
        >>> optim_wrapper = dict(
        ...     constructor='CompositeOptimWrapperConstructor',
        ...     parts={
        ...         'terms.adversarial.discriminator':
        ...         dict(type='Adam', lr=1e-4, betas=(0.9, 0.99))
        ...     })
    """

    needs_labeled = True

    def __init__(self,
                 view: str = 'weak',
                 discriminator: Optional[dict] = None,
                 labeled_weight: float = 0.01,
                 unlabeled_weight: float = 0.001,
                 self_weight: float = 0.1,
                 self_threshold: float = 0.2,
                 self_iters: int = 5000,
                 **kwargs) -> None:
        super().__init__(views=(view, ), **kwargs)
        self._discriminator = discriminator or {}
        self.labeled_weight = labeled_weight
        self.unlabeled_weight = unlabeled_weight
        self.self_weight = self_weight
        self.self_threshold = self_threshold
        self.self_iters = self_iters

    def bind(self, segmentor: nn.Module) -> None:
        """Builds the discriminator for the segmentor's classes."""
        self.discriminator = MODELS.build({
            'type': 'FullyConvDiscriminator',
            'num_classes': segmentor.pixel_head.num_classes,
            **self._discriminator
        })

    def loss(self, batch: SemiBatch) -> dict:
        """Losses of the segmentor and of the discriminator.

        Args:
            batch (SemiBatch): Batch with the view.

        Returns:
            dict[str, Tensor]: ``loss``, the weighted sum of the segmentor's
            losses; ``loss_critic``, the loss of the discriminator;
            ``trusted_ratio``, share of the unlabeled pixels that it trusts.
        """
        head = batch.model.pixel_head
        labeled, view = batch.labeled, batch.view(self.views[0])
        known = labeled.masks != head.ignore_index
        maps = [class_probabilities(head, scores)
                for scores in (labeled.scores, view.scores)]
        critic = frozen(self.discriminator)
        realism = [critic(single) for single in maps]
        loss = (self.labeled_weight * realism_loss(realism[0], True, known) +
                self.unlabeled_weight *
                realism_loss(realism[1], True, view.valid))
        trusted = trusted_mask(realism[1], self.self_threshold) & view.valid
        if batch.iteration >= self.self_iters:
            labels = class_labels(head, view.scores.detach())
            loss = loss + self.self_weight * pseudo_label_loss(
                view.scores, labels, trusted.float(), view.valid, 0.5, 'kept',
                uses_sigmoid(head))
        valid = torch.cat([known, view.valid])
        return dict(
            loss=loss,
            loss_critic=self._critic_loss(
                torch.cat(maps), valid, self.real_masks(batch),
                head.ignore_index),
            trusted_ratio=trusted.sum() / view.valid.sum().clamp(min=1))

    def real_masks(self, batch: SemiBatch) -> Tensor:
        """Masks that the discriminator is trained to call real, (N, H, W)."""
        return batch.labeled.masks

    def _critic_loss(self, maps: Tensor, valid: Tensor, masks: Tensor,
                     ignore_index: int) -> Tensor:
        """Loss of the discriminator: half predictions, half masks."""
        fake = self.discriminator(maps.detach())
        real = self.discriminator(
            one_hot_maps(masks, maps.shape[1], ignore_index).to(maps))
        return (realism_loss(fake, False, valid) +
                realism_loss(real, True, masks != ignore_index)) / 2
