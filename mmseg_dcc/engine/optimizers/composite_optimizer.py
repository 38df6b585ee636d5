from collections import Counter
from typing import Callable, Dict, List, Optional

import torch
from torch.optim import Optimizer


class CompositeOptimizer(Optimizer):
    """Optimizer made of others, each with parameters of its own.

    One ``step`` is a step of each. What looks at an optimizer from outside
    (learning rate schedules, the loss scaler of mixed precision, gradient
    clipping, hooks on the step, checkpoints) sees one optimizer with the
    groups of all: a schedule that multiplies moves each group from its own
    base, clipping takes the norm over all, and an overflow anywhere skips
    the step of all.

    Args:
        optimizers (dict[str, Optimizer]): By name, under which their states
            are saved. ``defaults`` are those of the first.

    Raises:
        ValueError: If there is none, or two share a parameter.

    Examples:
        >>> CompositeOptimizer(dict(
        ...     net=torch.optim.SGD(net.parameters(), lr=0.01),
        ...     critic=torch.optim.Adam(critic.parameters(), lr=1e-4)))
    """

    def __init__(self, optimizers: Dict[str, Optimizer]) -> None:
        if not optimizers:
            raise ValueError('CompositeOptimizer needs optimizers, got none.')
        first, *_ = optimizers.values()
        # ``Optimizer.__init__`` would make groups of its own. This is how an
        # optimizer that was pickled gets its hooks and its profiled step.
        self.__setstate__(
            dict(
                optimizers=dict(optimizers), defaults=dict(first.defaults)))
        owners = Counter(parameter for group in self.param_groups
                         for parameter in set(group['params']))
        shared = sum(count > 1 for count in owners.values())
        if shared:
            raise ValueError(
                f'{shared} of {len(owners)} parameters are in more than one '
                f'group of the optimizers {", ".join(optimizers)}. Each must '
                'be updated by one alone.')

    def __getstate__(self) -> dict:
        return dict(optimizers=self.optimizers, defaults=self.defaults)

    @property
    def param_groups(self) -> List[dict]:
        """list[dict]: The groups of all optimizers, the first's first."""
        return [
            group for optimizer in self.optimizers.values()
            for group in optimizer.param_groups
        ]

    @property
    def state(self) -> dict:
        """dict[Tensor, dict]: What the optimizers keep for parameters."""
        return {
            parameter: state
            for optimizer in self.optimizers.values()
            for parameter, state in optimizer.state.items()
        }

    def add_param_group(self, param_group: dict) -> None:
        """Refuses: it would not be known which optimizer is meant."""
        raise NotImplementedError(
            'CompositeOptimizer takes no further group. Add it to one of '
            f'optimizers[...], which are {", ".join(self.optimizers)}.')

    def step(self, closure: Optional[Callable] = None):
        """Makes one step with each optimizer.

        Args:
            closure (Callable, optional): Computes loss and gradients anew;
                called once. Defaults to None.

        Returns:
            Tensor, optional: What the closure returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for optimizer in self.optimizers.values():
            optimizer.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """See ``torch.optim.Optimizer``."""
        for optimizer in self.optimizers.values():
            optimizer.zero_grad(set_to_none=set_to_none)

    def state_dict(self) -> dict:
        """State of each optimizer: ``{'optimizers': {name: state}}``."""
        return dict(
            optimizers={
                name: optimizer.state_dict()
                for name, optimizer in self.optimizers.items()
            })

    def load_state_dict(self, state_dict: dict) -> None:
        """Loads what :meth:`state_dict` returned.

        Raises:
            ValueError: If it is the state of other optimizers.
        """
        states = state_dict.get('optimizers', {})
        if states.keys() != self.optimizers.keys():
            raise ValueError(
                'The checkpoint holds the state of '
                f'{_names(states) if states else "one optimizer"}, but the '
                f'config makes the optimizers {_names(self.optimizers)}. '
                'Resume with the optim_wrapper of the checkpoint, or use '
                'load_from without resume to start with its weights alone.')
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(states[name])


def _names(optimizers: dict) -> str:
    return ', '.join(map(repr, optimizers))
