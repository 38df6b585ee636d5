from .non_finite_hook import NonFiniteHook
from .reproducible_randomness_hook import ReproducibleRandomnessHook
from .supervised_warmup_hook import SupervisedWarmupHook
from .unreadable_images_hook import UnreadableImagesHook

__all__ = [
    'NonFiniteHook', 'ReproducibleRandomnessHook', 'SupervisedWarmupHook',
    'UnreadableImagesHook'
]
