from importlib import import_module
from typing import Optional, Sequence, Tuple, Union

import torch.nn.functional as F
from mmengine.model import BaseModule
from mmengine.runner import CheckpointLoader
from mmseg.registry import MODELS
from torch import Tensor, nn

from .dinov2_weights import dinov2_weights

PATCH = 14
"""Side of a patch in pixels."""
_LAYERS_OF = {
    # Levels of UniMatch V2; for the giant, those of DINOv2's own heads.
    'small': (2, 5, 8, 11),
    'base': (2, 5, 8, 11),
    'large': (4, 11, 17, 23),
    'giant': (9, 19, 29, 39),
}
# "small" of mmpretrain is another network.
_NAMES_IN_MMPRETRAIN = {
    'small': 'dinov2-small',
    'base': 'deit-base',
    'large': 'large',
    'giant': 'dinov2-giant',
}


@MODELS.register_module()
class DINOv2(BaseModule):
    """DINOv2 vision transformer (Oquab et al., 2023) for segmentation.

    The network is the ``VisionTransformer`` of mmpretrain. The final
    LayerNorm is applied to each level, as in UniMatch V2 and in DINOv2's own
    segmentation; mmpretrain applies it to the last level only.

    Training images need sides that are multiples of 14. In evaluation other
    images are resized to the nearest multiples; heads of mmseg resize their
    scores to the image.

    Differences from the published code: for images of another size than in
    pretraining, position embeddings are resized to the grid without the
    offset of 0.1 patches; scores of resized images are resized to the image
    directly, not via the multiples of 14.

    Args:
        arch (str | dict): 'small', 'base', 'large', 'giant', or a dict with
            ``embed_dims``, ``num_layers``, ``num_heads`` and
            ``feedforward_channels``. Defaults to 'small'.
        out_indices (Sequence[int], optional): Layers whose output is a
            level. Defaults to None: four layers, those of UniMatch V2.
        frozen (bool): Whether the network is frozen: no gradients of its
            weights and no stochastic depth. Defaults to False.
        img_size (int): Side in pixels of the pretraining images, which
            determines the number of position embeddings. Defaults to 518.
        drop_path_rate (float): Rate of stochastic depth, in [0, 1). Defaults
            to 0, UniMatch V2.
        init_cfg (dict, optional): ``type='Pretrained'`` loads an official
            file or one of mmpretrain, with its ``prefix`` if it has one.
            Defaults to None.

    Raises:
        ImportError: If mmpretrain is not installed.
        ValueError: If ``arch`` is unknown, or the sides of a training image
            are not multiples of 14.

    Examples:
        >>> backbone = dict(
        ...     type='DINOv2', arch='small', frozen=True,
        ...     init_cfg=dict(
        ...         type='Pretrained',
        ...         checkpoint='https://dl.fbaipublicfiles.com/dinov2/'
        ...         'dinov2_vits14/dinov2_vits14_pretrain.pth'))
    """

    def __init__(self,
                 arch: Union[str, dict] = 'small',
                 out_indices: Optional[Sequence[int]] = None,
                 frozen: bool = False,
                 img_size: int = 518,
                 drop_path_rate: float = 0.,
                 init_cfg: Optional[dict] = None) -> None:
        super().__init__(init_cfg)
        if isinstance(arch, str) and arch not in _LAYERS_OF:
            raise ValueError(
                f'model.backbone.arch={arch!r} of DINOv2 is unknown: expected '
                f'one of {[*_LAYERS_OF]}, or a dict with embed_dims, '
                'num_layers, num_heads and feedforward_channels.')
        if out_indices is None:
            out_indices = _LAYERS_OF[arch] if isinstance(arch, str) else (
                range(arch['num_layers'])[-4:])
        _import_mmpretrain()
        self.vit = MODELS.build(
            dict(
                type='mmpretrain.VisionTransformer',
                arch=_NAMES_IN_MMPRETRAIN[arch]
                if isinstance(arch, str) else arch,
                img_size=img_size,
                patch_size=PATCH,
                out_indices=list(out_indices),
                out_type='featmap',
                final_norm=False,
                layer_scale_init_value=1e-5,
                drop_path_rate=drop_path_rate,
                layer_cfgs=dict(
                    ffn_type='swiglu_fused' if arch ==
                    'giant' else 'origin')))
        self.norm = nn.LayerNorm(self.vit.embed_dims, eps=1e-6)
        self.frozen = frozen
        if frozen:
            self.requires_grad_(False)

    def init_weights(self) -> None:
        """Loads the weights of ``init_cfg``, or initialises them at random.

        Raises:
            ValueError: If the file is not of this network.
        """
        if not self.init_cfg or self.init_cfg['type'] != 'Pretrained':
            super().init_weights()
            return
        path = self.init_cfg['checkpoint']
        prefix = self.init_cfg.get('prefix', '')
        loaded = CheckpointLoader.load_checkpoint(
            path, map_location='cpu', logger='current')
        loaded = loaded.get('state_dict', loaded)
        weights = dinov2_weights({
            name[len(prefix):]: value
            for name, value in loaded.items() if name.startswith(prefix)
        })
        self._check(weights, path)
        # Not strict: position embeddings are resized while loading.
        self.load_state_dict(weights, strict=False)

    def _check(self, weights: dict, path: str) -> None:
        own = self.state_dict()
        absent = [
            name for name, value in own.items() if name not in weights
            or (weights[name].shape != value.shape and 'pos_embed' not in name)
        ]
        others = [name for name in weights if name not in own]
        if absent or others:
            raise ValueError(
                f'{path} does not fit the DINOv2 of model.backbone: '
                f'{(absent + others)[0]} and {len(absent) + len(others) - 1} '
                'other weights are missing, unknown or of another shape. '
                'Change backbone.arch, or backbone.init_cfg (its prefix is '
                "'backbone.' for files of mmpretrain).")

    def train(self, mode: bool = True) -> 'DINOv2':
        """Sets the mode; a frozen network stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.vit.eval()
        return self

    def forward(self, images: Tensor) -> Tuple[Tensor, ...]:
        """Feature maps of one resolution.

        Args:
            images (Tensor): Shape (N, 3, H, W).

        Returns:
            tuple[Tensor, ...]: Feature map of each layer of ``out_indices``,
            shape (N, embed_dims, H / 14, W / 14).
        """
        return tuple(
            self.norm(level.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            for level in self.vit(self._in_whole_patches(images)))

    def _in_whole_patches(self, images: Tensor) -> Tensor:
        got = tuple(images.shape[2:])
        nearest = tuple(
            max(int(side / PATCH + 0.5), 1) * PATCH for side in got)
        if nearest == got:
            return images
        # The mode of this module: the network inside may be frozen.
        if self.training:
            raise ValueError(
                f'DINOv2 got training images of {got[0]} x {got[1]} px; '
                f'expected multiples of {PATCH}. Set crop_size of the labeled '
                'and the unlabeled pipeline and model.data_preprocessor.size '
                f'to {nearest}, for example, or to (518, 518) as in UniMatch '
                'V2.')
        return F.interpolate(
            images, nearest, mode='bilinear', align_corners=True)


def _import_mmpretrain() -> None:
    try:
        import_module('mmpretrain.models')
    except ImportError as error:
        raise ImportError(
            'DINOv2 needs the VisionTransformer of mmpretrain, which cannot '
            f'be imported ({error}). Install it: pip install mmpretrain, and '
            'the torchvision for your torch.'
        ) from error
