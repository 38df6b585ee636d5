from .composite_optim_wrapper_constructor import (
    CompositeOptimWrapperConstructor,
)
from .composite_optimizer import CompositeOptimizer

__all__ = ['CompositeOptimWrapperConstructor', 'CompositeOptimizer']
