from .atomic_local_backend import AtomicLocalBackend
from .cpu_amp_optim_wrapper import CpuAmpOptimWrapper
from .hooks import (
    ConfidenceHistogramHook,
    NonFiniteHook,
    PairVisualizationHook,
    ReproducibleRandomnessHook,
    SupervisedWarmupHook,
    UnreadableImagesHook,
)
from .optimizers import CompositeOptimizer, CompositeOptimWrapperConstructor

__all__ = [
    'AtomicLocalBackend', 'CompositeOptimWrapperConstructor',
    'CompositeOptimizer', 'ConfidenceHistogramHook', 'CpuAmpOptimWrapper',
    'NonFiniteHook', 'PairVisualizationHook', 'ReproducibleRandomnessHook',
    'SupervisedWarmupHook', 'UnreadableImagesHook'
]
