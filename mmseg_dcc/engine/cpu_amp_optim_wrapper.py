from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmseg.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class CpuAmpOptimWrapper(OptimWrapper):
    """Optimizer wrapper for bfloat16 mixed precision on a CPU.

    mmengine's ``AmpOptimWrapper`` does not run on CPUs. bfloat16 has the
    range of float32, so its gradients need no scaling.
    :func:`run_on_cpu_if_needed` replaces ``AmpOptimWrapper`` by this class.
    """

    @contextmanager
    def optim_context(self, model: nn.Module):
        """Context of a forward pass, see ``AmpOptimWrapper``."""
        with super().optim_context(model), torch.autocast(
                'cpu', dtype=torch.bfloat16):
            yield
