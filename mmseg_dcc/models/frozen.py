from typing import Any, Callable

from torch import nn
from torch.func import functional_call


def frozen(module: nn.Module) -> Callable[..., Any]:
    """Callable that runs a module without gradients for its parameters.

    The gradient flows through the module to its inputs. So a segmentor can
    learn from a discriminator in the same backward pass in which the
    discriminator learns from other inputs, without switching
    ``requires_grad`` on and off.

    Args:
        module (nn.Module): Left as it is, buffers included: batch norms in
            train mode go on counting.

    Returns:
        Callable: Takes what ``module`` takes and returns what it returns.
    """

    def run(*args: Any, **kwargs: Any) -> Any:
        parameters = {
            name: parameter.detach()
            for name, parameter in module.named_parameters()
        }
        return functional_call(module, parameters, args, kwargs)

    return run
