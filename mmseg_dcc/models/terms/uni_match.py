"""Term of UniMatch V1 (Yang et al., CVPR 2023)."""
from typing import Dict, Sequence, Union

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from ..semi_batch import SemiBatch
from .pseudo_labels import PseudoLabels


@MODELS.register_module()
class UniMatch(PseudoLabels):
    """UniMatch V1 term: pseudo labels on strong views and perturbed features.

    UniMatch V1 (Yang et al., CVPR 2023, Sec. 3). The features of the label
    view go through the decode head in one batch with a copy in which half of
    the channels are dropped. The confident predictions on the unperturbed
    features are the labels, without gradient, of the perturbed features and
    of the mixed strong views, each with half of the loss.

    Differences from the published code: the labeled images have a separate
    forward pass (published: one pass with the label view, so that batch norm
    statistics cover both, and the perturbed half has copies of the labeled
    images). The labels of a pasted region come from the same pass as all
    others, since an image is mixed with another one of its batch (published:
    a pass of the partner in evaluation mode). The dropout before the
    classifier is that of the stock head (published: none; set
    ``model.decode_head.dropout_ratio=0``).

    Args:
        train_views (Sequence[str]): Strong views, which share one forward
            pass. Defaults to ('strong1', 'strong2').
        feature_dropout (float): Probability that a channel of a feature map
            of backbone and neck is dropped in the perturbed half, in [0, 1).
            The others are scaled by 1 / (1 - probability). Defaults to 0.5,
            UniMatch.
        mix (str | dict, optional): See :class:`PseudoLabels`. Defaults to
            'cutmix'.
        **kwargs: Arguments of :class:`PseudoLabels` other than ``teacher``
            and ``channel_dropout``. ``threshold`` defaults to 0.95, VOC and
            COCO; Cityscapes: 0.

    Raises:
        ValueError: If an argument is out of range, or ``teacher`` or
            ``channel_dropout`` is given.

    Examples:
        >>> model = dict(
        ...     type='SemiEncoderDecoder',
        ...     sup_weight=0.5,
        ...     terms=dict(pseudo=dict(type='UniMatch', weight=0.5)))
    """

    def __init__(self,
                 train_views: Sequence[str] = ('strong1', 'strong2'),
                 feature_dropout: float = 0.5,
                 mix: Union[None, str, dict] = 'cutmix',
                 **kwargs) -> None:
        if not 0 <= feature_dropout < 1:
            raise ValueError('UniMatch.feature_dropout: expected a share of '
                             f'the channels in [0, 1), got {feature_dropout}.')
        unsupported = {'teacher', 'channel_dropout'} & {*kwargs}
        if unsupported:
            raise ValueError(
                f'UniMatch takes no {" and no ".join(sorted(unsupported))}: '
                'the network itself predicts the labels, and features of the '
                'label view are perturbed. Remove it from the term in '
                "model.terms, or use type='PseudoLabels'.")
        super().__init__(
            train_views=train_views, teacher=False, mix=mix, **kwargs)
        self.feature_dropout = feature_dropout

    def loss(self, batch: SemiBatch) -> dict:
        """Mean of the losses on strong views and on perturbed features.

        Args:
            batch (SemiBatch): Batch with all views of the term.

        Returns:
            dict[str, Tensor]: ``loss``, the sum of 1/4 of the loss on each
            of two strong views and 1/2 of that on perturbed features;
            ``pseudo_ratio``, see :meth:`PseudoLabels.loss`.
        """
        targets = self.targets_of(batch)
        perturbed = self.loss_on(batch, targets.pop('perturbed'), targets)
        strong = self.loss_of_train_views(batch, targets)
        return dict(
            loss=(strong + perturbed) / 2,
            pseudo_ratio=self.kept_share(targets))

    def targets_of(self, batch: SemiBatch) -> Dict[str, Tensor]:
        """Labels of the unperturbed half and scores of the perturbed half.

        Args:
            batch (SemiBatch): Batch with the label view.

        Returns:
            dict[str, Tensor]: See :meth:`PseudoLabels.targets_from`, and
            ``perturbed``, scores with gradient, (U, out_channels, H, W).
        """
        view = batch.view(self.label_view)
        clean, perturbed = batch.encode(view.images,
                                        self._with_dropped_copy).chunk(2)
        return dict(self.targets_from(batch, clean), perturbed=perturbed)

    def _with_dropped_copy(self, maps: Tensor) -> Tensor:
        # A class token, (N, C), has one entry for each channel.
        drop = F.dropout2d if maps.dim() == 4 else F.dropout
        return torch.cat([maps, drop(maps, self.feature_dropout)])
