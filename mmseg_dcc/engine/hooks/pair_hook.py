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


class PairPrediction(NamedTuple):
    """Two views of an image with the latest predictions on them."""

    crops: np.ndarray
    """Views with their flips undone, RGB, shape (2, H, W, 3)."""
    infos: Tuple[ViewInfo, ViewInfo]
    """Their geometry."""
    img_path: str
    """File of the image."""
    prediction: Tensor
    """Confidence, pseudo label and true label, shape (2, 3, h, w)."""

    def overlap(self) -> Tensor:
        """Predictions on the overlap of the views, shape (2, 3, h', w')."""
        first, second = self.infos
        return torch.stack([
            info.cut(maps, box) for info, maps, box in zip(
                self.infos, self.prediction, first.shared(second))
        ])


class PairHook(Hook):
    """Base class of hooks that visualize view pairs at an interval.

    They run in the main process on the predictions that the term
    :class:`DirectionalContrast` made in the step. No forward pass is added.

    Args:
        interval (int): Iterations, or epochs, between two visualizations.
        by_epoch (bool): Whether ``interval`` counts epochs; then the last
            step of an epoch is visualized. Defaults to False.
    """

    def __init__(self, interval: int, by_epoch: bool = False) -> None:
        if interval < 1:
            raise ValueError(f'{type(self).__name__}.interval must be at '
                             f'least 1, got {interval}.')
        self.interval = interval
        self.by_epoch = by_epoch

    def before_train(self, runner) -> None:
        """Checks that the model has a term that compares pairs."""
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
        """Visualizes the pairs of this step if the interval is over."""
        if self.by_epoch:
            due = (self.every_n_epochs(runner, self.interval)
                   and self.end_of_epoch(runner.train_dataloader, batch_idx))
        else:
            due = self.every_n_train_iters(runner, self.interval)
        if due and is_main_process():
            model, term = bare_model(runner), contrast_of(runner)
            if model.unsup_enabled and term.is_on(model.iteration):
                self.visualize(runner, term,
                               _pair_predictions(term, data_batch))

    @abstractmethod
    def visualize(self, runner, term: DirectionalContrast,
                  pairs: Sequence[PairPrediction]) -> None:
        """Visualizes the pairs of this process in the last step."""


def contrast_of(runner):
    """The first term of a runner's model that compares views, or None."""
    terms = getattr(bare_model(runner), 'terms', {})
    return next((term for term in terms.values()
                 if isinstance(term, DirectionalContrast)), None)


def _pair_predictions(term: DirectionalContrast,
                      data_batch: dict) -> List[PairPrediction]:
    batch = zip(data_batch['inputs'], data_batch['data_samples'])
    unlabeled = [(views, sample.metainfo) for views, sample in batch
                 if views.dim() == 4]
    predictions = term.last_prediction.transpose(0, 1).cpu()
    pairs = []
    for (views, meta), prediction in zip(unlabeled, predictions):
        infos = tuple(meta['views'][name] for name in term.views)
        indices = [[*meta['views']].index(name) for name in term.views]
        upright = [
            info.upright(view.cpu()) for info, view in zip(
                infos, views[indices])
        ]
        crops = torch.stack(upright).permute(0, 2, 3, 1).numpy()[..., ::-1]
        pairs.append(
            PairPrediction(crops, infos, meta.get('img_path', ''),
                           prediction))
    return pairs
