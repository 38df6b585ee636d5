from typing import Optional, Sequence

from mmengine.model import BaseModule
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.models.decode_heads.dpt_head import ReassembleBlocks
from mmseg.models.utils import resize
from mmseg.registry import MODELS
from torch import Tensor, nn


@MODELS.register_module()
class DINOv2DPTHead(BaseDecodeHead):
    """DPT head (Ranftl et al., ICCV 2021) as UniMatch V2 has it on DINOv2.

    From mmseg's ``DPTHead`` it differs in that it takes maps without class
    token, has no batch norm and biases instead, and grows each level to the
    size of the next finer one. Grids of odd side such as the 37 x 37 of 518
    px so give features of exactly eight times their side.

    Args:
        post_process_channels (Sequence[int]): Channels of the four levels,
            from the finest on. Defaults to (48, 96, 192, 384), UniMatch V2
            on DINOv2-S; (96, 192, 384, 768) on B, (256, 512, 1024, 1024) on
            L.
        in_channels (Sequence[int]): Of the four levels of the backbone, all
            the same.
        channels (int): Of the fused features, which enter ``cls_seg``: 64 on
            S, 128 on B, 256 on L.
        **kwargs: See ``BaseDecodeHead``. UniMatch V2 has ``dropout_ratio=0``
            and ``align_corners=True``.

    Raises:
        ValueError: If there are not four levels of one width.

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
                'DINOv2DPTHead takes four levels of one width; got '
                f'in_channels={list(self.in_channels)} and '
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
        """Scores of every pixel.

        Args:
            inputs (Sequence[Tensor]): Levels of the backbone, shape
                (N, C, h, w).

        Returns:
            Tensor: Shape (N, out_channels, 8 h, 8 w).
        """
        # the class tokens, which are ignored
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
    """Adds the coarser levels to one and grows the sum.

    Args:
        channels (int): Of both.
        align_corners (bool): See ``torch.nn.functional.interpolate``.
        has_coarser (bool): False for the coarsest.
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
        """Features of the given height and width.

        Args:
            level (Tensor): Shape (N, channels, h, w).
            coarser (Tensor, optional): What the coarser levels gave, of that
                shape.
            size (tuple[int, int]): Of the result.
        """
        if self.lateral is not None:
            level = coarser + self.lateral(level)
        grown = resize(
            self.refine(level),
            size,
            mode='bilinear',
            align_corners=self.align_corners,
            warning=False)
        return self.project(grown)


class ResidualUnit(BaseModule):
    """Two convolutions, each after a ReLU, beside the identity.

    Args:
        channels (int): Of input and output.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(
            nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """A map of the same shape."""
        return x + self.convs(x)
