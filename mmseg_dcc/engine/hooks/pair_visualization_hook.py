from pathlib import Path
from typing import List

import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from mmengine.visualization.utils import img_from_canvas
from mmseg.registry import HOOKS

from ...visualization import draw_judged_pair
from .pair_hook import JudgedPair, PairHook


@HOOKS.register_module()
class PairVisualizationHook(PairHook):
    """Draws crop pairs with predictions and the direction of the loss.

    The pictures go wherever the visualizer writes: to ``vis_image`` in the
    work dir, and to TensorBoard if that is on.

    Args:
        interval (int): Iterations (or epochs) from one look to the next.
            Defaults to 500.
        by_epoch (bool): Whether ``interval`` counts epochs. Defaults to
            False.
        number (int): Pairs to draw each time. Defaults to 2.

    Examples:
        >>> default_hooks = dict(pairs=dict(type='PairVisualizationHook'))
    """

    def __init__(self,
                 interval: int = 500,
                 by_epoch: bool = False,
                 number: int = 2) -> None:
        super().__init__(interval, by_epoch)
        self.number = number

    def look(self, runner, term, pairs: List[JudgedPair]) -> None:
        """Draws the first pairs."""
        meta = runner.train_dataloader.dataset.metainfo
        for index, pair in enumerate(pairs[:self.number]):
            active = term.pair_loss.active_masks(*pair.overlap()[:, 0])
            figure = draw_judged_pair(
                pair.crops, pair.judgement[:, 1].long().numpy(),
                torch.stack(active).numpy(),
                pair.infos[0].shared(pair.infos[1]),
                meta['classes'], meta['palette'],
                f'{Path(pair.img_path).name}, '
                f'iteration {runner.iter + 1}')
            runner.visualizer.add_image(
                f'pair_{index}', img_from_canvas(FigureCanvasAgg(figure)),
                runner.iter + 1)
