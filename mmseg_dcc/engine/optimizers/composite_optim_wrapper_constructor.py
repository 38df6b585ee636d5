from difflib import get_close_matches
from itertools import permutations
from typing import Dict, List, Optional

from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIM_WRAPPERS, OPTIMIZERS
from mmseg.registry import OPTIM_WRAPPER_CONSTRUCTORS
from torch import nn
from torch.optim import Optimizer

from .composite_optimizer import CompositeOptimizer

_REST = 'rest'  # name under which the stock optimizer's state is saved


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class CompositeOptimWrapperConstructor:
    """Constructor of an optimizer wrapper with several optimizers.

    It is meant for additional networks, such as the discriminator of an
    adversarial method, which need an optimizer of their own. The parameters
    below each key of ``parts`` get the optimizer given there, all others the
    optimizer that the config would have without ``parts``. Runner, schedules,
    mixed precision, accumulation, clipping and resume see one optimizer
    (:class:`CompositeOptimizer`).

    Args:
        optim_wrapper_cfg (dict): As in mmengine, with two more keys.
            ``parts`` (dict[str, dict]): optimizer configs by the beginning of
            the parameter names, which must end at a dot of the name.
            ``base_constructor`` (str): constructor of the optimizer of all
            other parameters. Defaults to mmengine's
            'DefaultOptimWrapperConstructor'; set it where a stock config
            sets ``constructor``.
        paramwise_cfg (dict, optional): For the base constructor; without
            effect on the parts. Defaults to None.

    Raises:
        ValueError: If ``parts`` is missing, a key matches no parameter, or
            a key lies below another one.

    Examples:
        >>> optim_wrapper = dict(
        ...     type='OptimWrapper',
        ...     constructor='CompositeOptimWrapperConstructor',
        ...     optimizer=dict(type='SGD', lr=0.01, momentum=0.9),
        ...     parts={
        ...         'terms.adversarial.discriminator':
        ...         dict(type='Adam', lr=1e-4, betas=(0.9, 0.99))
        ...     })
    """

    def __init__(self,
                 optim_wrapper_cfg: dict,
                 paramwise_cfg: Optional[dict] = None) -> None:
        cfg = dict(optim_wrapper_cfg)
        self.parts = cfg.pop('parts', None) or {}
        base = cfg.pop('base_constructor', 'DefaultOptimWrapperConstructor')
        if not self.parts:
            raise ValueError(
                'CompositeOptimWrapperConstructor needs optim_wrapper.parts='
                "{'beginning of parameter names': dict(type='Adam', ...)}. "
                'Without parts, remove optim_wrapper.constructor.')
        for key, other in permutations(self.parts, 2):
            if _is_below(other, key):
                raise ValueError(
                    f'optim_wrapper.parts: {other!r} lies below {key!r}, so '
                    'its parameters would have two optimizers. Remove one of '
                    'the two, or list the other children of '
                    f'{key!r} instead.')
        # the wrapper is discarded, only its optimizer is used
        self.base = OPTIM_WRAPPER_CONSTRUCTORS.build(
            dict(
                type=base,
                optim_wrapper_cfg=dict(optimizer=cfg.pop('optimizer')),
                paramwise_cfg=paramwise_cfg))
        self.wrapper_cfg = dict(dict(type='OptimWrapper'), **cfg)

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """Builds the wrapper for a model."""
        if is_model_wrapper(model):
            model = model.module
        parameters = {
            key: _parameters_below(model, key)
            for key in self.parts
        }
        rest = self.base(model).optimizer
        _remove_parameters(rest, sum(parameters.values(), []))
        optimizers = {
            key: OPTIMIZERS.build(dict(cfg, params=parameters[key]))
            for key, cfg in self.parts.items()
        }
        # the learning rate of the first optimizer is the one that is logged
        if rest.param_groups:
            optimizers = {_REST: rest, **optimizers}
        return OPTIM_WRAPPERS.build(
            self.wrapper_cfg,
            default_args=dict(optimizer=CompositeOptimizer(optimizers)))


def _is_below(name: str, key: str) -> bool:
    return f'{name}.'.startswith(f'{key}.')


def _parameters_below(model: nn.Module, key: str) -> List[nn.Parameter]:
    named: Dict[str, nn.Parameter] = dict(model.named_parameters())
    found = [named[name] for name in named if _is_below(name, key)]
    if not found:
        # names of parameters and of all modules that have parameters
        beginnings = {
            name.rsplit('.', i)[0]: None
            for name in named
            for i in range(name.count('.') + 1)
        }
        near = get_close_matches(key, beginnings, n=3, cutoff=0.3)
        raise ValueError(
            f'optim_wrapper.parts: no parameter name of '
            f'{type(model).__name__} begins with {key!r}. Similar names: '
            f'{", ".join(map(repr, near)) or "none"}. Change the key.')
    return found


def _remove_parameters(optimizer: Optimizer,
                       parameters: List[nn.Parameter]) -> None:
    """Removes parameters from an optimizer that has not made a step yet."""
    taken = set(parameters)
    for group in optimizer.param_groups:
        group['params'] = [p for p in group['params'] if p not in taken]
    optimizer.param_groups = [g for g in optimizer.param_groups if g['params']]
    for parameter in taken:  # Adagrad initializes its states at once
        optimizer.state.pop(parameter, None)
