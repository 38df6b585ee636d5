"""The segmentor of a runner."""
from mmengine.model import is_model_wrapper
from torch import nn


def bare_model(runner) -> nn.Module:
    """The model of a runner without DDP around it.

    Args:
        runner (Runner): Of a training or test.
    """
    model = runner.model
    return model.module if is_model_wrapper(model) else model
