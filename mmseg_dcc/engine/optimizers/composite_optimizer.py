from collections import Counter
from typing import Callable, Dict, List, Optional

import torch
from torch.optim import Optimizer


class CompositeOptimizer(Optimizer):
    """Optimizer that combines several optimizers with their own parameters.

    One ``step`` is a step of each. Learning rate schedules, the loss scaler
    of mixed precision, gradient clipping, step hooks and checkpoints see one
    optimizer with the parameter groups of all. A schedule that multiplies
    scales each group from its own base, clipping uses the norm over all
    groups, and an overflow in one skips the step of all.

    Args:
        optimizers (dict[str, Optimizer]): Optimizers by the name under which
            their states are saved. ``defaults`` are those of the first.

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
        # ``Optimizer.__init__`` would create groups of its own. An unpickled
        # optimizer gets its hooks and its profiled step by this method, too.
        self.__setstate__(
            dict(
                optimizers=dict(optimizers), defaults=dict(first.defaults)))
        owners = Counter(parameter for group in self.param_groups
                         for parameter in set(group['params']))
        shared = sum(count > 1 for count in owners.values())
        if shared:
            raise ValueError(
                f'{shared} of {len(owners)} parameters are in more than one '
                f'group of the optimizers {", ".join(optimizers)}. Each '
                'parameter must be in exactly one.')

    def __getstate__(self) -> dict:
        return dict(optimizers=self.optimizers, defaults=self.defaults)

    @property
    def param_groups(self) -> List[dict]:
        """list[dict]: Groups of all optimizers, in their order."""
        return [
            group for optimizer in self.optimizers.values()
            for group in optimizer.param_groups
        ]

    @property
    def state(self) -> dict:
        """dict[Tensor, dict]: States of all optimizers by parameter."""
        return {
            parameter: state
            for optimizer in self.optimizers.values()
            for parameter, state in optimizer.state.items()
        }

    def add_param_group(self, param_group: dict) -> None:
        """Not supported, since the optimizer of the group is unknown."""
        raise NotImplementedError(
            'CompositeOptimizer does not support add_param_group. Call it of '
            f'one of optimizers[...], which are {", ".join(self.optimizers)}.')

    def step(self, closure: Optional[Callable] = None):
        """Makes one step with each optimizer.

        Args:
            closure (Callable, optional): Recomputes loss and gradients;
                called once. Defaults to None.

        Returns:
            Tensor, optional: Result of the closure.
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
        """Loads the result of :meth:`state_dict`.

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
                'load_from without resume to load only its weights.')
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(states[name])


def _names(optimizers: dict) -> str:
    return ', '.join(map(repr, optimizers))
