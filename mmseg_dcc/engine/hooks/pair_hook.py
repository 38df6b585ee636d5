from abc import abstractmethod
from typing import List, NamedTuple

import numpy as np
import torch
from mmcv import imflip
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from torch import Tensor


class JudgedPair(NamedTuple):
    """A pair of crops and what the model said of it in the last step."""

    crops: np.ndarray
    """As loaded but before their flips, RGB, shape (2, H, W, 3)."""
    metainfo: dict
    """See :class:`PackPairedSegInputs`."""
    judgement: Tensor
    """Confidence, pseudo label and true label, shape (2, 3, h, w)."""

    def overlap(self) -> Tensor:
        """The part of the judgement that both crops show."""
        stride = self.crops.shape[2] // self.judgement.shape[3]
        parts = []
        for maps, box in zip(self.judgement, self.metainfo['overlap_boxes']):
            top, left, bottom, right = (int(edge) // stride for edge in box)
            parts.append(maps[:, top:bottom, left:right])
        return torch.stack(parts)


class PairHook(Hook):
    """Base of hooks that look at the crop pairs of some steps.

    They see what the loss saw, in the main process, and compute nothing with
    the network.

    Args:
        interval (int): Iterations, or epochs, from one look to the next.
        by_epoch (bool): Whether ``interval`` counts epochs; then the last
            step of an epoch is looked at. Defaults to False.
    """

    def __init__(self, interval: int, by_epoch: bool = False) -> None:
        if interval < 1:
            raise ValueError(f'{type(self).__name__}.interval must be at '
                             f'least 1, got {interval}.')
        self.interval = interval
        self.by_epoch = by_epoch

    def before_train(self, runner) -> None:
        """Refuses models that judge no pairs."""
        model = _bare_model(runner)
        if not hasattr(model, 'last_judgement'):
            raise TypeError(
                f'{type(self).__name__} needs a DCCSegmentor, got '
                f'{type(model).__name__}. Change model.type or remove the '
                'hook from default_hooks or custom_hooks.')

    def after_train_iter(self,
                         runner,
                         batch_idx: int,
                         data_batch=None,
                         outputs=None) -> None:
        """Looks at the pairs of this step if it is time."""
        if self.by_epoch:
            due = (self.every_n_epochs(runner, self.interval)
                   and self.end_of_epoch(runner.train_dataloader, batch_idx))
        else:
            due = self.every_n_train_iters(runner, self.interval)
        model = _bare_model(runner)
        if due and model.unsup_enabled and is_main_process():
            self.look(runner, model, _judged_pairs(model, data_batch))

    @abstractmethod
    def look(self, runner, model, pairs: List[JudgedPair]) -> None:
        """Called with the pairs of this process in the last step."""


def _judged_pairs(model, data_batch: dict) -> List[JudgedPair]:
    batch = zip(data_batch['inputs'], data_batch['data_samples'])
    unlabeled = [(pair, sample.metainfo) for pair, sample in batch
                 if pair.dim() == 4]
    judgements = model.last_judgement.transpose(0, 1).cpu()
    return [
        JudgedPair(_upright(pair, metainfo['flips']), metainfo, judgement)
        for (pair, metainfo), judgement in zip(unlabeled, judgements)
    ]


def _upright(pair: Tensor, flips: list) -> np.ndarray:
    return np.stack([
        imflip(crop, flip) if flip else crop for crop, flip in zip(
            pair.cpu().numpy().transpose(0, 2, 3, 1)[..., ::-1], flips)
    ])


def _bare_model(runner):
    return runner.model.module if is_model_wrapper(
        runner.model) else runner.model
