from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class PixelProjector(BaseModule):
    """Projector Phi of Sec. 4.1: two 1x1 convolutions with ReLU in between.

    Args:
        in_channels (int): Channels of the features that enter
            ``decode_head.cls_seg``. :class:`DirectionalContrast` sets it.
        out_channels (int): Channels c of the projection. Defaults to 128,
            Sec. 4.1.
        init_cfg (dict, optional): Initialisation config. Defaults to None:
            torch's default, as in the published code.

    Examples:
        >>> model = dict(
        ...     type='DCCSegmentor',
        ...     projector=dict(type='PixelProjector', out_channels=128))
    """

    def __init__(self,
                 in_channels: int,
                 out_channels: int = 128,
                 init_cfg: dict = None) -> None:
        super().__init__(init_cfg)
        self.out_channels = out_channels
        # The hidden layer keeps the width of the features, as published.
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, in_channels, 1), nn.ReLU(inplace=True),
            nn.Conv2d(in_channels, out_channels, 1))

    def forward(self, features: Tensor) -> Tensor:
        """Projects (N, in_channels, h, w) to (N, out_channels, h, w)."""
        return self.layers(features)
