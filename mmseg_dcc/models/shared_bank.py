"""Base class of feature banks."""
import logging

import torch
from mmengine.logging import print_log
from torch import nn


class SharedBank(nn.Module):
    """Base class of feature banks with the same content on all processes.

    A bank is part of the training state: its buffers, one of which must be
    ``features``, are saved in the checkpoint and restored when a training
    resumes. DDP does not broadcast them (see :class:`SemiEncoderDecoder`).
    If the bank in a checkpoint has another shape, the bank stays empty and
    everything else is loaded.
    """

    #: Meaning of the axes of ``features``, for messages.
    shape_axes = ''

    def __init__(self) -> None:
        super().__init__()
        self._dropped_shape = None

    def fits(self, saved: dict) -> bool:
        """Whether the buffers of a checkpoint fit this bank.

        Args:
            saved (dict[str, Tensor]): Buffers of the checkpoint by name.
        """
        return saved['features'].shape == self.features.shape

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        # The number of GPUs, classes or channels may have changed. The
        # weights must load all the same.
        saved = {
            name: state_dict.get(prefix + name)
            for name, _ in self.named_buffers()
        }
        if saved['features'] is not None and not self.fits(saved):
            self._dropped_shape = tuple(saved['features'].shape)
            for name, buffer in self.named_buffers():
                state_dict[prefix + name] = buffer.clone()
        super()._load_from_state_dict(state_dict, prefix, *args)

    # Warns once at most: compiling would gain nothing.
    @torch.compiler.disable
    def report_dropped(self, full_after: str) -> None:
        """Warns that the bank of the checkpoint did not fit.

        Called when a training goes on, so that tests do not warn.

        Args:
            full_after (str): Time after which the bank is full again.
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
