from mmcv.cnn import ConvModule
from mmseg.models.decode_heads import DepthwiseSeparableASPPHead
from mmseg.models.decode_heads.aspp_head import ASPPModule
from mmseg.registry import MODELS
from torch import nn


@MODELS.register_module()
class PlainDeepLabV3PlusHead(DepthwiseSeparableASPPHead):
    """DeepLabv3+ head with plain instead of separable convolutions.

    This is the head in the code published with the paper. With ResNet-50 it
    has 11 M parameters more than that of mmseg: plain convolutions in ASPP
    and decoder, a 1 x 1 convolution after ASPP where mmseg has 3 x 3, and
    dropout after it and inside the decoder.

    Args:
        c1_in_channels (int): Channels of the stride-4 features that enter
            the decoder.
        c1_channels (int): Channels to which these features are reduced.
            Defaults to 48, published.
        inner_dropout (float): Probability of the two dropouts before the
            features; ``dropout_ratio`` is that before the classifier.
            Defaults to 0.5, published.
        **kwargs: See ``DepthwiseSeparableASPPHead``.

    Examples:
        >>> model = dict(decode_head=dict(type='PlainDeepLabV3PlusHead'))
    """

    def __init__(self,
                 c1_in_channels: int,
                 c1_channels: int = 48,
                 inner_dropout: float = 0.5,
                 **kwargs) -> None:
        super().__init__(
            c1_in_channels=c1_in_channels, c1_channels=c1_channels, **kwargs)
        layers = dict(
            conv_cfg=self.conv_cfg,
            norm_cfg=self.norm_cfg,
            act_cfg=self.act_cfg)
        width = self.channels
        # The forward pass of mmseg uses these names.
        self.aspp_modules = ASPPModule(self.dilations, self.in_channels, width,
                                       **layers)
        self.bottleneck = nn.Sequential(
            ConvModule((len(self.dilations) + 1) * width, width, 1, **layers),
            nn.Dropout(inner_dropout))
        self.sep_bottleneck = nn.Sequential(
            ConvModule(width + c1_channels, width, 3, padding=1, **layers),
            nn.Dropout(inner_dropout),
            ConvModule(width, width, 3, padding=1, **layers))
