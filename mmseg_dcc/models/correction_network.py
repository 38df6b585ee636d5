"""Segmentation network whose input is an image with its label map."""
import copy

import torch
from mmengine.model import BaseModule
from mmseg.registry import MODELS
from torch import Tensor, nn

from .head_checks import as_list
from .head_features import encoder_features, pixel_heads
from .semi_batch import at_image_size


class WidenedConv2d(nn.Conv2d):
    """Convolution with additional input channels.

    The weights of the original channels keep their name and shape, so that
    pretrained weights still load. The weights of the additional channels are
    initialised at random.

    Args:
        conv (nn.Conv2d): Convolution to replace, with one group.
        channels (int): Number of additional channels.
    """

    def __init__(self, conv: nn.Conv2d, channels: int) -> None:
        shape = dict(
            kernel_size=conv.kernel_size,
            stride=conv.stride,
            padding=conv.padding,
            dilation=conv.dilation,
            padding_mode=conv.padding_mode)
        super().__init__(
            conv.in_channels,
            conv.out_channels,
            bias=conv.bias is not None,
            **shape)
        self.further = nn.Conv2d(
            channels, conv.out_channels, bias=False, **shape)

    def forward(self, inputs: Tensor) -> Tensor:
        """Sum of the convolutions of original and additional channels."""
        own, further = inputs.split(
            [self.in_channels, self.further.in_channels], 1)
        return super().forward(own) + self.further(further)


class CorrectionNetwork(BaseModule):
    """Corrector of ECS: a segmentor whose input is an image and a label map.

    The first convolution of the backbone is widened by the channels of the
    map. Auxiliary heads are dropped, since the network is not trained with
    the stock losses: its classes share a softmax and one loss.

    Args:
        config (dict): Config of a stock segmentor. ``num_classes`` of its
            heads is replaced.
        image_channels (int): Channels of the images.
        map_channels (int): Channels of the label maps.
        num_classes (int): Channels of the scores, "match" included.

    Raises:
        ValueError: If no convolution takes the image, or the config of a
            head has no ``num_classes``.
    """

    def __init__(self, config: dict, image_channels: int, map_channels: int,
                 num_classes: int) -> None:
        super().__init__()
        config = {**copy.deepcopy(config), 'auxiliary_head': None}
        # Gradient checkpointing would run the backbone again in the backward
        # pass, when it is no longer frozen.
        config['backbone'].pop('with_cp', None)
        for head in as_list(config['decode_head']):
            if 'num_classes' not in head:
                raise ValueError(
                    'The correction network cannot add a class to '
                    f'{head["type"]}, since its config has no num_classes. '
                    'Set corrector.decode_head of ErrorCorrection in '
                    'model.terms to another head.')
            head['num_classes'] = num_classes
            head.pop('out_channels', None)
        self.network = MODELS.build(config)
        _widen(self.network.backbone, image_channels, map_channels)

    def forward(self, images: Tensor, maps: Tensor) -> Tensor:
        """Scores of each pixel.

        Args:
            images (Tensor): Shape (N, image_channels, H, W).
            maps (Tensor): Shape (N, map_channels, H, W).

        Returns:
            Tensor: Logits, shape (N, num_classes, H, W).
        """
        head = pixel_heads(self.network.decode_head)[-1]
        features = encoder_features(self.network, torch.cat([images, maps], 1))
        return at_image_size(head, head.cls_seg(features), images.shape[2:])


def _widen(backbone: nn.Module, image_channels: int,
           map_channels: int) -> None:
    for name, module in backbone.named_modules():
        if (isinstance(module, nn.Conv2d) and module.groups == 1
                and module.in_channels == image_channels):
            parent, _, leaf = name.rpartition('.')
            setattr(
                backbone.get_submodule(parent), leaf,
                WidenedConv2d(module, map_channels))
            return
    raise ValueError(
        f'The correction network needs a convolution of {image_channels} '
        'channels, the number of image channels, but '
        f'{type(backbone).__name__} has none. Set corrector.backbone of '
        'ErrorCorrection in model.terms to another one, such as a ResNet.')
