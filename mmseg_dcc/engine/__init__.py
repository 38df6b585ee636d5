from .hooks import ReproducibleRandomnessHook, SupervisedWarmupHook

__all__ = ['ReproducibleRandomnessHook', 'SupervisedWarmupHook']
