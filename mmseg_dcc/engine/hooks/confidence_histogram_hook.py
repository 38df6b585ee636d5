from typing import List

import torch
from mmengine.dist import is_main_process
from mmseg.registry import HOOKS

from ...models.diagnostics import UNKNOWN
from .pair_hook import PairHook, PairPrediction


@HOOKS.register_module()
class ConfidenceHistogramHook(PairHook):
    """Hook that writes histograms of the overlap confidence to TensorBoard.

    ``confidence/overlap`` holds all positions of both crops. If masks are
    known, ``confidence/right`` and ``confidence/wrong`` hold the positions
    whose pseudo label is right or wrong. They show what another
    ``confidence_threshold`` would keep.

    Args:
        interval (int): Iterations (or epochs) between two histograms.
            Defaults to 100.
        by_epoch (bool): Whether ``interval`` counts epochs. Defaults to
            False.

    Raises:
        ValueError: If there is no TensorBoard backend.

    Examples:
        >>> default_hooks = dict(
        ...     histograms=dict(type='ConfidenceHistogramHook'))
    """

    def __init__(self, interval: int = 100, by_epoch: bool = False) -> None:
        super().__init__(interval, by_epoch)

    def before_train(self, runner) -> None:
        """Checks the model and the visualizer."""
        super().before_train(runner)
        if is_main_process() and self._tensorboard(runner) is None:
            raise ValueError(
                'ConfidenceHistogramHook writes to TensorBoard, which is not '
                "enabled. Add dict(type='TensorboardVisBackend') to "
                'visualizer.vis_backends or remove the hook.')

    def visualize(self, runner, term, pairs: List[PairPrediction]) -> None:
        """Adds the histograms of this step."""
        confidence, labels, truth = torch.cat(
            [pair.overlap().flatten(2) for pair in pairs], -1).transpose(0, 1)
        known = truth != UNKNOWN
        writer = self._tensorboard(runner).experiment
        for name, mask in dict(
                overlap=torch.ones_like(known),
                right=known & (labels == truth),
                wrong=known & (labels != truth)).items():
            if mask.any():
                writer.add_histogram(f'confidence/{name}', confidence[mask],
                                     runner.iter + 1)

    @staticmethod
    def _tensorboard(runner):
        return runner.visualizer.get_backend('TensorboardVisBackend')
