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

__all__ = [
    'AtomicLocalBackend', 'ConfidenceHistogramHook', 'CpuAmpOptimWrapper',
    'NonFiniteHook', 'PairVisualizationHook', 'ReproducibleRandomnessHook',
    'SupervisedWarmupHook', 'UnreadableImagesHook'
]
