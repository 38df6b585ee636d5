"""Count of backbone passes while a network is in use."""
from typing import Callable, List, Sequence

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle


def watch_backbones(networks: Sequence[nn.Module],
                    count: Callable[[int], None]) -> List[RemovableHandle]:
    """Registers hooks that count the passes of images through backbones.

    Per image, a pass without gradients counts 1, a pass with gradients
    (forward and backward) 3, and a pass through frozen weights with a gradient
    of the input 2. Discriminators and extra decoders are not backbones and
    are not counted.

    Args:
        networks (Sequence[nn.Module]): Networks. Each module named
            ``backbone`` in them is counted, shared ones once.
        count (Callable): Called with the number of images of each pass times
            its weight.

    Returns:
        list[RemovableHandle]: Handles whose ``remove()`` stops the count.
    """

    def before(module: nn.Module, inputs) -> None:
        images, = inputs
        weight = 1
        if torch.is_grad_enabled():
            learns = any(p.requires_grad for p in module.parameters())
            weight = 3 if learns else 2 if images.requires_grad else 1
        count(weight * len(images))

    backbones = {
        module
        for network in networks
        for name, module in network.named_modules()
        if name.split('.')[-1] == 'backbone'
    }
    return [module.register_forward_pre_hook(before) for module in backbones]
