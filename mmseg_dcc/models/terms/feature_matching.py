"""Term of S4GAN: feature matching and self-training (TPAMI 2021)."""
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
    """S4GAN term: a discriminator of images with their label maps.

    S4GAN (Mittal et al., TPAMI 2021). The discriminator distinguishes
    unlabeled images with their predictions from labeled images with their
    masks. The segmentor is trained to make predictions whose mean
    discriminator features are those of masks. It is also trained with its
    own labels on unlabeled images that the discriminator takes for real. One
    forward and one backward pass train both networks, as in
    :class:`Adversarial`. The discriminator is always in training mode: as
    published, an image is selected by a score with dropout.

    Differences from the published code: images for the discriminator are
    scaled by a fixed range, not by minimum and maximum of a batch (for real
    images: of another batch); real images and masks are those of the same
    labeled batch, not of a second one; in padding the label map is 0, the
    image has the mean colour, and there is no loss. The second branch of the
    paper, a multi-label mean teacher (MLMT) that removes classes from
    predictions at test time, is not implemented; for image-level labels see
    :class:`WeakLabels`.

    Args:
        view (str): View of the unlabeled images. Defaults to 'weak'.
        discriminator (dict, optional): Config of the discriminator. Defaults
            to None: :class:`ImageDiscriminator`. Give it a separate
            optimizer with ``CompositeOptimWrapperConstructor``: Adam, 1e-4
            (Cityscapes: 1e-5), betas (0.9, 0.99).
        matching_weight (float): Weight of the feature matching. Defaults to
            0.1, published.
        self_weight (float): Weight of the cross entropy on selected images.
            Defaults to 1, published.
        self_threshold (float): Output of the discriminator, in [0, 1], above
            which an image is selected. Defaults to 0.6, published for VOC
            (Cityscapes: 0.7). At 1 no image is selected.
        self_iters (int): First training iteration with a loss on selected
            images. Defaults to 1, published.
        pixel_range (tuple[float, float]): Minimum and maximum of a pixel
            before ``data_preprocessor`` normalises it. They are scaled to 0
            and 1 for the discriminator. Defaults to (0, 255), 8-bit images.
        **kwargs: See :class:`SemiTerm`.

    Raises:
        ValueError: If the minimum of ``pixel_range`` is not below its
            maximum.

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
                'FeatureMatching.pixel_range: expected the minimum and a '
                f'larger maximum of a pixel, got {tuple(pixel_range)}.')
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
            batch (SemiBatch): Batch with the view.

        Returns:
            dict[str, Tensor]: ``loss``, the weighted sum of the segmentor's
            losses; ``loss_critic``, the loss of the discriminator;
            ``passed_ratio``, share of the unlabeled images that it takes for
            real.
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
        """Real input of the discriminator: masks and labeled images."""
        head, labeled = batch.model.pixel_head, batch.labeled
        maps = one_hot_maps(labeled.masks, head.num_classes, head.ignore_index)
        images = labeled.images
        return maps.to(images), self.scaled_images(batch, images)

    def fake_inputs(self, batch: SemiBatch) -> Tuple[Tensor, Tensor]:
        """Fake input of the discriminator: predictions, unlabeled images."""
        view = batch.view(self.views[0])
        maps = class_probabilities(batch.model.pixel_head, view.scores)
        seen = view.valid[:, None]
        # As in labeled images, padding is 0 after normalisation.
        return maps * seen, self.scaled_images(batch, view.images * seen)

    def scaled_images(self, batch: SemiBatch, images: Tensor) -> Tensor:
        """Images with pixels scaled to [0, 1], from normalised images."""
        preprocessor = batch.model.data_preprocessor
        low, high = self.pixel_range
        pixels = images
        if hasattr(preprocessor, 'mean'):
            pixels = images * preprocessor.std + preprocessor.mean
        return (pixels - low) / (high - low)
