"""Names of the published weights of DINOv2, as :class:`DINOv2` has them."""
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
    # the gated one of the giant
    (r'\.mlp\.(w12|w3)\.', r'.ffn.\1.'),
)
# The norm that follows the last block, by mmpretrain and published.
_FINAL_NORM = re.compile(r'^(ln1|norm)\.')
# Tokens in place of masked patches, of the pretraining alone.
_UNUSED = ('mask_token', )


def dinov2_weights(published: Dict[str, Tensor]) -> Dict[str, Tensor]:
    """Weights under the names of :class:`DINOv2`.

    Args:
        published (dict[str, Tensor]): With the names of the official files
            (``blocks.0.norm1.weight``), of mmpretrain's
            (``layers.0.ln1.weight``), or those of :class:`DINOv2` itself.

    Returns:
        dict[str, Tensor]: ``vit.*`` and ``norm.*``.

    Raises:
        ValueError: If the network has register tokens.
    """
    if 'register_tokens' in published:
        raise ValueError(
            'The weights are of a DINOv2 with register tokens, which '
            "mmpretrain's VisionTransformer does not have. Take the file "
            'without "_reg4" in its name in model.backbone.init_cfg.')
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
