"""UniMatch (Yang et al., CVPR 2023): strong views and perturbed features."""
from typing import Dict, Sequence, Union

import torch
import torch.nn.functional as F
from mmseg.registry import MODELS
from torch import Tensor

from ..semi_batch import SemiBatch
from .pseudo_labels import PseudoLabels


@MODELS.register_module()
class UniMatch(PseudoLabels):
    """The network's labels of a view, on strong views and perturbed features.

    UniMatch V1 (Yang et al., CVPR 2023, Sec. 3). The features of the label
    view go through the decode head twice, as they are and with half of their
    channels dropped, in one batch. What the first half says, without
    gradient and where it is confident, is learned by the second half and by
    the mixed strong views, half of the loss each.

    Differs from the published code: the labeled images have a forward pass
    of their own (published: one with the label view, so that the batch
    statistics are of both and the perturbed half has copies of the labeled
    ones). Pasted labels come from the same pass as the others, since an
    image is mixed with another of its batch (published: a pass of the
    partner in evaluation mode). The dropout before the classifier is the
    stock head's (published: none; set ``model.decode_head.dropout_ratio=0``).

    Args:
        train_views (Sequence[str]): Strong views, in one forward pass.
            Defaults to ('strong1', 'strong2').
        feature_dropout (float): Probability of a channel of a feature map of
            backbone and neck to be zero in the perturbed half, in [0, 1).
            The others are scaled by its inverse. Defaults to 0.5, UniMatch.
        mix (str | dict, optional): See :class:`PseudoLabels`. Defaults to
            'cutmix'.
        **kwargs: Of :class:`PseudoLabels`, without ``teacher`` and
            ``channel_dropout``; ``threshold`` defaults to 0.95, VOC and
            COCO; Cityscapes: 0.

    Raises:
        ValueError: If an argument is out of its range, or one of the two is
            given.

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
        refused = {'teacher', 'channel_dropout'} & {*kwargs}
        if refused:
            raise ValueError(
                f'UniMatch takes no {" and no ".join(sorted(refused))}: the '
                'network labels itself and perturbs features of the label '
                "view. Remove it, or take type='PseudoLabels'.")
        super().__init__(
            train_views=train_views, teacher=False, mix=mix, **kwargs)
        self.feature_dropout = feature_dropout

    def loss(self, batch: SemiBatch) -> dict:
        """Half the loss of the strong views, half of perturbed features.

        Args:
            batch (SemiBatch): With all views.

        Returns:
            dict[str, Tensor]: ``loss``, which is 1/4 of each of two strong
            views and 1/2 of the perturbed features; ``pseudo_ratio``, see
            :class:`PseudoLabels`.
        """
        targets = self.targets_of(batch)
        perturbed = self.loss_on(batch, targets.pop('perturbed'), targets)
        strong = self.loss_of_train_views(batch, targets)
        return dict(
            loss=(strong + perturbed) / 2,
            pseudo_ratio=self.kept_share(targets))

    def targets_of(self, batch: SemiBatch) -> Dict[str, Tensor]:
        """Labels of the unperturbed half, scores of the perturbed one.

        Args:
            batch (SemiBatch): With the label view.

        Returns:
            dict[str, Tensor]: See :meth:`PseudoLabels.targets_from`, and
            ``perturbed``, scores with gradient, (U, out_channels, H, W).
        """
        view = batch.view(self.label_view)
        clean, perturbed = batch.encode(view.images,
                                        self._with_dropped_copy).chunk(2)
        return dict(self.targets_from(batch, clean), perturbed=perturbed)

    def _with_dropped_copy(self, maps: Tensor) -> Tensor:
        # The entries of a class token, (N, C), are its channels.
        drop = F.dropout2d if maps.dim() == 4 else F.dropout
        return torch.cat([maps, drop(maps, self.feature_dropout)])
