from typing import Any, Callable

from torch import nn
from torch.func import functional_call


def frozen(module: nn.Module) -> Callable[..., Any]:
    """Callable that runs a module without gradients for its parameters.

    The gradient still flows through the module to its inputs. One backward
    pass can therefore train a segmentor through a discriminator and the
    discriminator on other inputs, without toggling ``requires_grad``.

    Args:
        module (nn.Module): Not changed by this function. Its buffers are
            shared: batch norms in training mode still update their
            statistics.

    Returns:
        Callable: Has the arguments and the result of ``module``.
    """

    def run(*args: Any, **kwargs: Any) -> Any:
        parameters = {
            name: parameter.detach()
            for name, parameter in module.named_parameters()
        }
        return functional_call(module, parameters, args, kwargs)

    return run
