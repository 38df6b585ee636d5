from .supervised_warmup_hook import SupervisedWarmupHook

__all__ = ['SupervisedWarmupHook']
