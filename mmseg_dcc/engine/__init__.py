from .hooks import SupervisedWarmupHook

__all__ = ['SupervisedWarmupHook']
