from .reproducible_randomness_hook import ReproducibleRandomnessHook
from .supervised_warmup_hook import SupervisedWarmupHook

__all__ = ['ReproducibleRandomnessHook', 'SupervisedWarmupHook']
