from .atomic_local_backend import AtomicLocalBackend
from .hooks import (
    NonFiniteHook,
    ReproducibleRandomnessHook,
    SupervisedWarmupHook,
    UnreadableImagesHook,
)

__all__ = [
    'AtomicLocalBackend', 'NonFiniteHook', 'ReproducibleRandomnessHook',
    'SupervisedWarmupHook', 'UnreadableImagesHook'
]
