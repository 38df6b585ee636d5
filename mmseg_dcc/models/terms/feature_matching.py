"""Feature matching and self-training (Mittal et al., TPAMI 2021) as a term."""
from typing import Optional, Sequence, Tuple

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from ..frozen import frozen
from ..head_features import (
    class_labels,
    class_probabilities,
    uses_sigmoid,
)
from ..losses.adversarial_loss import one_hot_maps, realism_loss
from ..losses.feature_matching_loss import feature_matching_loss
from ..losses.pseudo_label_loss import pseudo_label_loss
from ..semi_batch import SemiBatch
from .semi_term import SemiTerm


@MODELS.register_module()
class FeatureMatching(SemiTerm):
    """A discriminator judges whole images with their label maps: S4GAN.

    It tells unlabeled images with their predictions from labeled images with
    their masks. The segmentor learns to make predictions whose features in
    the discriminator have the mean of those of masks, and takes its own
    labels of all pixels of the images that pass for real. One forward and
    one backward pass serve both networks, as in :class:`Adversarial`. The
    discriminator stays in training mode: the score that selects an image is
    that of one draw of its dropout, as published.

    Differs from the published code: images come to the discriminator scaled
    by a known range, not by the least and the largest value in a batch (of
    another batch for the real ones); "real" are images and masks of the same
    labeled batch, not of a second one; in padding the label map is 0, the
    image has the mean colour, and no label is learned. The second branch of
    the paper, a multi-label mean teacher (MLMT) that strikes classes out
    when testing, is not here; for image-level labels see
    :class:`WeakLabels`.

    Args:
        view (str): View of the unlabeled images. Defaults to 'weak'.
        discriminator (dict, optional): Config. Defaults to None:
            :class:`ImageDiscriminator`. Give it an optimizer of its own by
            ``CompositeOptimWrapperConstructor``: Adam, 1e-4 (Cityscapes:
            1e-5), betas (0.9, 0.99).
        matching_weight (float): Of the feature matching. Defaults to 0.1,
            published.
        self_weight (float): Of the cross entropy on images that pass.
            Defaults to 1, published.
        self_threshold (float): Output of the discriminator, in [0, 1], above
            which an image passes. Defaults to 0.6, published for VOC
            (Cityscapes: 0.7). At 1 none does.
        self_iters (int): Iterations of the training before images pass.
            Defaults to 1, published.
        pixel_range (tuple[float, float]): Least and largest value of a pixel
            before ``data_preprocessor`` normalises it; the discriminator
            sees them as 0 and 1. Defaults to (0, 255), images of 8 bits.
        **kwargs: See :class:`SemiTerm`.

    Raises:
        ValueError: If ``pixel_range`` is empty.

    Examples:
        >>> model = dict(
        ...     type='SemiEncoderDecoder',
        ...     terms=dict(matching=dict(type='FeatureMatching')))
        >>> optim_wrapper = dict(
        ...     constructor='CompositeOptimWrapperConstructor',
        ...     parts={
        ...         'terms.matching.discriminator':
        ...         dict(type='Adam', lr=1e-4, betas=(0.9, 0.99))
        ...     })
    """

    needs_labeled = True

    def __init__(self,
                 view: str = 'weak',
                 discriminator: Optional[dict] = None,
                 matching_weight: float = 0.1,
                 self_weight: float = 1.,
                 self_threshold: float = 0.6,
                 self_iters: int = 1,
                 pixel_range: Sequence[float] = (0., 255.),
                 **kwargs) -> None:
        super().__init__(views=(view, ), **kwargs)
        low, high = pixel_range
        if not low < high:
            raise ValueError(
                'FeatureMatching.pixel_range: expected the least and the '
                f'largest value of a pixel, got {tuple(pixel_range)}.')
        self._discriminator = discriminator or {}
        self.matching_weight = matching_weight
        self.self_weight = self_weight
        self.self_threshold = self_threshold
        self.self_iters = self_iters
        self.pixel_range = (low, high)

    def bind(self, segmentor: nn.Module) -> None:
        """Builds the discriminator for the segmentor's classes and images."""
        config = {
            'type': 'ImageDiscriminator',
            'num_classes': segmentor.pixel_head.num_classes,
            **self._discriminator
        }
        if 'image_channels' not in config:
            config['image_channels'] = segmentor.in_channels
        self.discriminator = MODELS.build(config)

    def loss(self, batch: SemiBatch) -> dict:
        """Losses of the segmentor and of the discriminator.

        Args:
            batch (SemiBatch): With the view.

        Returns:
            dict[str, Tensor]: ``loss``, the segmentor's, both parts weighted;
            ``loss_critic``, the discriminator's; ``passed_ratio``, share of
            the unlabeled images that pass for real.
        """
        head = batch.model.pixel_head
        view = batch.view(self.views[0])
        real = self.real_inputs(batch)
        maps, images = self.fake_inputs(batch)
        critic = frozen(self.discriminator)
        features, realism = critic(maps, images)
        with torch.no_grad():
            real_features, _ = critic(*real)
        loss = self.matching_weight * feature_matching_loss(
            features, real_features)
        passed = realism.detach().sigmoid() > self.self_threshold
        if batch.iteration >= self.self_iters:
            labels = class_labels(head, view.scores.detach())
            kept = passed[..., None].expand_as(labels).float()
            loss = loss + self.self_weight * pseudo_label_loss(
                view.scores, labels, kept, view.valid, 0.5, 'kept',
                uses_sigmoid(head))
        fake_loss = realism_loss(
            self.discriminator(maps.detach(), images)[1][..., None, None],
            False)
        real_loss = realism_loss(
            self.discriminator(*real)[1][..., None, None], True)
        return dict(
            loss=loss,
            loss_critic=(fake_loss + real_loss) / 2,
            passed_ratio=passed.float().mean())

    def real_inputs(self, batch: SemiBatch) -> Tuple[Tensor, Tensor]:
        """Masks of labeled images, and the images, that pass for real."""
        head, labeled = batch.model.pixel_head, batch.labeled
        maps = one_hot_maps(labeled.masks, head.num_classes, head.ignore_index)
        images = labeled.images
        return maps.to(images), self.scaled_images(batch, images)

    def fake_inputs(self, batch: SemiBatch) -> Tuple[Tensor, Tensor]:
        """Predictions of unlabeled images, and the images."""
        view = batch.view(self.views[0])
        maps = class_probabilities(batch.model.pixel_head, view.scores)
        seen = view.valid[:, None]
        # After normalisation padding is 0 in labeled images, too.
        return maps * seen, self.scaled_images(batch, view.images * seen)

    def scaled_images(self, batch: SemiBatch, images: Tensor) -> Tensor:
        """Normalised images with pixels from 0 to 1."""
        preprocessor = batch.model.data_preprocessor
        low, high = self.pixel_range
        pixels = images
        if hasattr(preprocessor, 'mean'):
            pixels = images * preprocessor.std + preprocessor.mean
        return (pixels - low) / (high - low)
