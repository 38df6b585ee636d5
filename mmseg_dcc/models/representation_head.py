"""Representation head of U2PL (Sec. 3.1)."""
from typing import Optional

from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class RepresentationHead(BaseModule):
    """Representation head: two 3x3 convolutions and a 1x1 convolution.

    The 3x3 convolutions have norm, ReLU and dropout. The input is that of
    the classifier (published: that of the two 3x3 convolutions before the
    classifier, parallel to them).

    Args:
        in_channels (int): Channels of the features. Set by the term.
        channels (int): Channels of the hidden layers and of the
            representation. Defaults to 256, U2PL.
        dropout (float): Probability that a channel of a hidden layer is
            dropped. Defaults to 0.1, U2PL.
        norm_cfg (dict, optional): Norm of the hidden layers. The term sets
            that of the decode head. Defaults to None: no norm.
        init_cfg (dict, optional): See ``BaseModule``. Defaults to None.

    Examples:
        >>> terms = dict(
        ...     u2pl=dict(
        ...         type='UnreliablePseudoLabels',
        ...         representation=dict(channels=128)))
    """

    def __init__(self,
                 in_channels: int,
                 channels: int = 256,
                 dropout: float = 0.1,
                 norm_cfg: Optional[dict] = None,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        self.channels = channels
        layers = []
        for width in (in_channels, channels):
            layers += [
                ConvModule(width, channels, 3, padding=1, norm_cfg=norm_cfg),
                nn.Dropout2d(dropout)
            ]
        self.layers = nn.Sequential(*layers, nn.Conv2d(channels, channels, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Representations (N, channels, h, w) of (N, in_channels, h, w)."""
        return self.layers(features)
