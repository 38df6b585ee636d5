"""Base of the stores of features that outlive a step."""
import logging

import torch
from mmengine.logging import print_log
from torch import nn


class SharedBank(nn.Module):
    """Store of features of all processes, the same on each of them.

    It is part of the training state: its buffers, of which one must be
    ``features``, are in the checkpoint and come back after a resume. DDP
    sends none of them (see :class:`SemiEncoderDecoder`). A checkpoint whose
    bank has another shape leaves the bank empty and loads everything else.
    """

    #: What the numbers of the shape of ``features`` are.
    shape_axes = ''

    def __init__(self) -> None:
        super().__init__()
        self._dropped_shape = None

    def fits(self, saved: dict) -> bool:
        """Whether the buffers of a checkpoint can be taken.

        Args:
            saved (dict[str, Tensor]): By the names of the buffers.
        """
        return saved['features'].shape == self.features.shape

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        # A bank of another shape (other number of GPUs, classes or channels)
        # must not keep the weights beside it from loading.
        saved = {
            name: state_dict.get(prefix + name)
            for name, _ in self.named_buffers()
        }
        if saved['features'] is not None and not self.fits(saved):
            self._dropped_shape = tuple(saved['features'].shape)
            for name, buffer in self.named_buffers():
                state_dict[prefix + name] = buffer.clone()
        super()._load_from_state_dict(state_dict, prefix, *args)

    # Once at most: nothing to be gained by compiling.
    @torch.compiler.disable
    def report_dropped(self, full_after: str) -> None:
        """Warns where it matters: when a training goes on, not at a test.

        Args:
            full_after (str): When the bank is full again.
        """
        if self._dropped_shape is None:
            return
        print_log(
            f"The checkpoint's memory bank had shape {self._dropped_shape} "
            f"{self.shape_axes}, this model's has "
            f'{tuple(self.features.shape)}. The bank started empty and is '
            f'full again after {full_after}; everything else was loaded.',
            logger='current',
            level=logging.WARNING)
        self._dropped_shape = None
