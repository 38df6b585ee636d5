"""What goes through backbones, counted while a network is in use."""
from typing import Callable, List, Sequence

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle


def watch_backbones(networks: Sequence[nn.Module],
                    count: Callable[[int], None]) -> List[RemovableHandle]:
    """Handles that report the passes of images through any backbone.

    An image that goes through without a gradient counts 1, with a gradient
    (forward and backward) 3, with a gradient of what goes in alone, since
    the weights are frozen, 2. Discriminators and extra decoders are no
    backbones and count nothing.

    Args:
        networks (Sequence[nn.Module]): Modules of them, or below them, that
            are named ``backbone`` are watched, each once.
        count (Callable): Gets the images of a call times their weight.

    Returns:
        list[RemovableHandle]: ``remove()`` of each ends it.
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
