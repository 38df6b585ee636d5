from contextlib import contextmanager

import torch
from mmengine.optim import OptimWrapper
from mmseg.registry import OPTIM_WRAPPERS
from torch import nn


@OPTIM_WRAPPERS.register_module()
class CpuAmpOptimWrapper(OptimWrapper):
    """Mixed precision in bfloat16 on a CPU.

    mmengine's ``AmpOptimWrapper`` refuses to run there. Gradients of
    bfloat16 need no scaling: it has the range of float32.
    :func:`run_on_cpu_if_needed` puts this class in its place.
    """

    @contextmanager
    def optim_context(self, model: nn.Module):
        """See ``AmpOptimWrapper``."""
        with super().optim_context(model), torch.autocast(
                'cpu', dtype=torch.bfloat16):
            yield
