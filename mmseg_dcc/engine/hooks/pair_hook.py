from abc import abstractmethod
from typing import List, NamedTuple, Sequence, Tuple

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from torch import Tensor

from ...models.terms import DirectionalContrast
from ...structures import ViewInfo
from ...utils.bare_model import bare_model


class JudgedPair(NamedTuple):
    """Two views of an image and what the model said of them last."""

    crops: np.ndarray
    """As loaded but before their flips, RGB, shape (2, H, W, 3)."""
    infos: Tuple[ViewInfo, ViewInfo]
    """Their geometry."""
    img_path: str
    """File of the image."""
    judgement: Tensor
    """Confidence, pseudo label and true label, shape (2, 3, h, w)."""

    def overlap(self) -> Tensor:
        """The part of the judgement that both views show."""
        first, second = self.infos
        return torch.stack([
            info.cut(maps, box) for info, maps, box in zip(
                self.infos, self.judgement, first.shared(second))
        ])


class PairHook(Hook):
    """Base of hooks that look at the view pairs of some steps.

    They see what the term :class:`DirectionalContrast` saw, in the main
    process, and compute nothing with the network.

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
        if contrast_of(runner) is None:
            raise TypeError(
                f'{type(self).__name__} needs a model with the term '
                'DirectionalContrast, such as DCCSegmentor, got '
                f'{type(bare_model(runner)).__name__} without. Change '
                'model.type or remove the hook from default_hooks or '
                'custom_hooks.')

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
        if due and is_main_process():
            model, term = bare_model(runner), contrast_of(runner)
            if model.unsup_enabled and term.is_on(model.iteration):
                self.look(runner, term, _judged_pairs(term, data_batch))

    @abstractmethod
    def look(self, runner, term: DirectionalContrast,
             pairs: Sequence[JudgedPair]) -> None:
        """Called with the pairs of this process in the last step."""


def contrast_of(runner):
    """The first term of a runner's model that compares views, or None."""
    terms = getattr(bare_model(runner), 'terms', {})
    return next((term for term in terms.values()
                 if isinstance(term, DirectionalContrast)), None)


def _judged_pairs(term: DirectionalContrast,
                  data_batch: dict) -> List[JudgedPair]:
    batch = zip(data_batch['inputs'], data_batch['data_samples'])
    unlabeled = [(views, sample.metainfo) for views, sample in batch
                 if views.dim() == 4]
    judgements = term.last_judgement.transpose(0, 1).cpu()
    pairs = []
    for (views, meta), judgement in zip(unlabeled, judgements):
        infos = tuple(meta['views'][name] for name in term.views)
        indices = [[*meta['views']].index(name) for name in term.views]
        upright = [
            info.upright(view.cpu()) for info, view in zip(
                infos, views[indices])
        ]
        crops = torch.stack(upright).permute(0, 2, 3, 1).numpy()[..., ::-1]
        pairs.append(
            JudgedPair(crops, infos, meta.get('img_path', ''), judgement))
    return pairs
