"""Model of a runner without its wrapper."""
from mmengine.model import is_model_wrapper
from torch import nn


def bare_model(runner) -> nn.Module:
    """Model of a runner without DDP around it.

    Args:
        runner (Runner): Runner of a training or test.
    """
    model = runner.model
    return model.module if is_model_wrapper(model) else model
