"""Renaming of published DINOv2 weights to the names in :class:`DINOv2`."""
import re
from typing import Dict

from torch import Tensor

# facebookresearch/dinov2 -> mmpretrain.VisionTransformer
_RENAMED = (
    (r'^patch_embed\.proj\.', 'patch_embed.projection.'),
    (r'^blocks\.(\d+)\.', r'layers.\1.'),
    (r'\.norm(\d)\.', r'.ln\1.'),
    (r'\.ls1\.gamma$', '.attn.gamma1.weight'),
    (r'\.ls2\.gamma$', '.ffn.gamma2.weight'),
    (r'\.mlp\.fc1\.', '.ffn.layers.0.0.'),
    (r'\.mlp\.fc2\.', '.ffn.layers.1.'),
    # gated feed-forward network of the giant
    (r'\.mlp\.(w12|w3)\.', r'.ffn.\1.'),
)
# Norm after the last block: name in mmpretrain and published name.
_FINAL_NORM = re.compile(r'^(ln1|norm)\.')
# Token for masked patches, used only in pretraining.
_UNUSED = ('mask_token', )


def dinov2_weights(published: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Weights under the names of :class:`DINOv2`.

    Args:
        published (dict[str, Tensor]): Weights with the names of the official
            files (``blocks.0.norm1.weight``), of mmpretrain
            (``layers.0.ln1.weight``), or of :class:`DINOv2`.

    Returns:
        dict[str, Tensor]: Weights named ``vit.*`` and ``norm.*``.

    Raises:
        ValueError: If the network has register tokens.
    """
    if 'register_tokens' in published:
        raise ValueError(
            'The weights are those of a DINOv2 with register tokens, which '
            'the VisionTransformer of mmpretrain does not support. Set '
            'model.backbone.init_cfg.checkpoint to the file without "_reg4" '
            'in its name.')
    weights = {}
    for name, value in published.items():
        if name in _UNUSED:
            continue
        if not name.startswith('vit.'):
            for pattern, replacement in _RENAMED:
                name = re.sub(pattern, replacement, name)
            name, is_final = _FINAL_NORM.subn('norm.', name)
            name = name if is_final else f'vit.{name}'
        weights[name] = value
    return weights
