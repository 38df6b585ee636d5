from typing import Optional, Sequence

from mmengine.model import BaseModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.decode_heads.dpt_head import ReassembleBlocks
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class DINOv2DPTHead(BaseDecodeHead):
    """DPT head (Ranftl et al., ICCV 2021) for DINOv2, as in UniMatch V2.

    Differences from ``DPTHead`` of mmseg: it takes maps without class token,
    has biases instead of batch norms, and resizes each level to the size of
    the next finer one. Grids of odd size, such as 37 x 37 for images of 518
    px, therefore give features of exactly eight times their size.

    Args:
        post_process_channels (Sequence[int]): Channels of the four levels,
            the finest first. Defaults to (48, 96, 192, 384), UniMatch V2
            with DINOv2-S; (96, 192, 384, 768) with B, (256, 512, 1024, 1024)
            with L.
        in_channels (Sequence[int]): Channels of the four backbone levels,
            which must be the same.
        channels (int): Channels of the fused features, the input of
            ``cls_seg``: 64 with S, 128 with B, 256 with L.
        **kwargs: See ``BaseDecodeHead``. UniMatch V2 sets
            ``dropout_ratio=0`` and ``align_corners=True``.

    Raises:
        ValueError: If there are not four levels with the same channels.

    Examples:
        >>> decode_head = dict(
        ...     type='DINOv2DPTHead',
        ...     in_channels=[384] * 4, in_index=[0, 1, 2, 3], channels=64,
        ...     post_process_channels=[48, 96, 192, 384],
        ...     dropout_ratio=0., align_corners=True, num_classes=21)
    """

    def __init__(self,
                 post_process_channels: Sequence[int] = (48, 96, 192, 384),
                 **kwargs) -> None:
        super().__init__(input_transform='multiple_select', **kwargs)
        if not (len(post_process_channels) == len(self.in_channels) == 4
                and len(set(self.in_channels)) == 1):
            raise ValueError(
                'DINOv2DPTHead expects four levels with the same number of '
                f'channels; got in_channels={list(self.in_channels)} and '
                f'post_process_channels={list(post_process_channels)}. '
                'Change model.decode_head.')
        self.reassemble = ReassembleBlocks(self.in_channels[0],
                                           list(post_process_channels))
        self.convs = nn.ModuleList(
            nn.Conv2d(width, self.channels, 3, padding=1, bias=False)
            for width in post_process_channels)
        self.fusions = nn.ModuleList(
            FusionBlock(self.channels, self.align_corners, has_coarser)
            for has_coarser in (True, True, True, False))
        self.project = nn.Sequential(
            nn.Conv2d(self.channels, self.channels, 3, padding=1),
            nn.ReLU(inplace=True))

    def forward(self, inputs: Sequence[Tensor]) -> Tensor:
        """Class scores at eight times the resolution of the levels.

        Args:
            inputs (Sequence[Tensor]): Levels of the backbone, shape
                (N, C, h, w) each.

        Returns:
            Tensor: Shape (N, out_channels, 8 h, 8 w).
        """
        # None stands for the class tokens, which are ignored.
        levels = [(level, None) for level in self._transform_inputs(inputs)]
        levels = [
            conv(level)
            for conv, level in zip(self.convs, self.reassemble(levels))
        ]
        sizes = [tuple(level.shape[2:]) for level in levels]
        sizes = [tuple(2 * side for side in sizes[0]), *sizes]
        fused = None
        for number in (3, 2, 1, 0):
            fused = self.fusions[number](levels[number], fused, sizes[number])
        return self.cls_seg(self.project(fused))


class FusionBlock(BaseModule):
    """Fusion of a level with the coarser ones, resized to the next finer one.

    Args:
        channels (int): Channels of both inputs.
        align_corners (bool): See ``torch.nn.functional.interpolate``.
        has_coarser (bool): False for the coarsest level.
    """

    def __init__(self, channels: int, align_corners: bool,
                 has_coarser: bool) -> None:
        super().__init__()
        self.align_corners = align_corners
        self.lateral = ResidualUnit(channels) if has_coarser else None
        self.refine = ResidualUnit(channels)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, level: Tensor, coarser: Optional[Tensor],
                size) -> Tensor:
        """Fused features of the given size.

        Args:
            level (Tensor): Shape (N, channels, h, w).
            coarser (Tensor, optional): Fused coarser levels, same shape.
            size (tuple[int, int]): Height and width of the result.
        """
        if self.lateral is not None:
            level = coarser + self.lateral(level)
        resized = resize(
            self.refine(level),
            size,
            mode='bilinear',
            align_corners=self.align_corners,
            warning=False)
        return self.project(resized)


class ResidualUnit(BaseModule):
    """Residual unit of two convolutions, each after a ReLU.

    Args:
        channels (int): Channels of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Features of the same shape."""
        return x + self.convs(x)
