import logging
from pathlib import Path
from typing import List, Optional, Sequence

import numpy as np
from matplotlib.figure import Figure
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmseg.registry import HOOKS

from ...evaluation.confusion_matrix import ConfusionMatrix
from ...utils.atomic_file import written_atomically
from ...utils.bare_model import bare_model
from ...utils.mask_image import UNKNOWN, mask_colors
from ...utils.scalars import Scalars
from ...visualization.confusion_drawing import draw_confusion
from ...visualization.curve_drawing import draw_curves
from ...visualization.mask_drawing import Predicted, as_picture, draw_sheet
from .prediction_files_hook import ids_of

CURVES, SHEET, CONFUSION = 'curves.png', 'validation.png', 'confusion.png'


@HOOKS.register_module()
class TrainingPicturesHook(Hook):
    """Hook that updates three pictures in the work dir at each validation.

    ``curves.png`` shows losses and validation scores over the training, as
    logged by mmengine's ``LocalVisBackend`` (the default). ``validation.png``
    shows some validation images with truth, prediction and errors.
    ``confusion.png`` shows the confusion matrix of all images of all
    processes. ``tools/train.py`` adds the hook. It does not change the
    training by a bit. If a picture cannot be drawn, drawing stops with a
    warning and the training continues.

    Args:
        number (int): Number of validation images, evenly spaced. Defaults to
            4.

    Examples:
        >>> custom_hooks = [dict(type='TrainingPicturesHook', number=8)]
    """

    # after the logger, which writes the scalars
    priority = 'LOW'

    def __init__(self, number: int = 4) -> None:
        self.number = number
        self._scalars: Optional[Scalars] = None
        self._rows: List[Predicted] = []
        self._confusion: Optional[ConfusionMatrix] = None

    def before_train(self, runner) -> None:
        """Enables drawing in the main process."""
        if is_main_process():
            self._scalars = Scalars(Path(runner.work_dir))

    def before_val_epoch(self, runner) -> None:
        """Resets the images and the confusion matrix."""
        self._rows = []
        dataset = runner.val_dataloader.dataset
        classes = dataset.metainfo.get('classes')
        self._confusion = ConfusionMatrix(
            len(classes), _ignored(runner), len(dataset)) if classes else None

    def after_val_iter(self,
                       runner,
                       batch_idx: int,
                       data_batch: Optional[dict] = None,
                       outputs: Optional[Sequence] = None) -> None:
        """Adds to the confusion matrix, and keeps images of the sheet."""
        if not outputs:
            return
        if self._confusion is not None:
            self._try(self._confusion.add, outputs)
        if self._scalars is None:
            return
        count = len(runner.val_dataloader)
        number = min(self.number, count)
        if batch_idx in {i * count // number for i in range(number)}:
            self._try(self._keep, runner, data_batch, outputs[0])

    def after_val_epoch(self, runner, metrics: Optional[dict] = None) -> None:
        """Draws the pictures."""
        # all processes reach this line, even if drawing failed in one
        counts = self._confusion.total() if self._confusion else None
        if self._scalars is not None and counts is not None and counts.any():
            self._try(self._draw_confusion, runner, counts)
        if self._scalars is not None:
            self._try(self._draw_curves, runner)
        if self._scalars is not None and self._rows:
            self._try(self._draw_sheet, runner, metrics or {})
        self._rows = []

    def after_train(self, runner) -> None:
        """Draws the losses of a training without validations."""
        if self._scalars is not None:
            self._try(self._draw_curves, runner)

    def _try(self, draw, *args) -> None:
        try:
            draw(*args)
        # a picture must not end a training, whatever is wrong with it
        except Exception as error:
            self._scalars = None
            print_log(
                'The training continues without further pictures, since one '
                f'could not be drawn: {error!r}.',
                logger='current',
                level=logging.WARNING)

    def _keep(self, runner, data_batch: dict, output) -> None:
        image = data_batch['inputs'][0].permute(1, 2, 0).cpu().numpy()
        preprocessor = bare_model(runner).data_preprocessor
        truth = output.get('gt_sem_seg')
        if truth is not None:
            truth = ids_of(truth)
            truth = np.where(truth == _ignored(runner), UNKNOWN, truth)
        self._rows.append(
            Predicted(
                Path(output.img_path).name,
                # the preprocessor swaps the channels of BGR images
                as_picture(
                    image, getattr(preprocessor, 'channel_conversion', True)),
                ids_of(output.pred_sem_seg),
                truth))

    def _draw_curves(self, runner) -> None:
        self._scalars.update()
        if not self._scalars.training:
            return
        figure = draw_curves(self._scalars.training, self._scalars.validation)
        _write(figure, runner, CURVES)

    @staticmethod
    def _draw_confusion(runner, counts: np.ndarray) -> None:
        figure = draw_confusion(
            counts, runner.val_dataloader.dataset.metainfo['classes'],
            f'iteration {runner.iter}: % of the pixels of the true class')
        _write(figure, runner, CONFUSION)

    def _draw_sheet(self, runner, metrics: dict) -> None:
        meta = runner.val_dataloader.dataset.metainfo
        scores = ', '.join(f'{key} {value:.2f}'
                           for key, value in metrics.items()
                           if isinstance(value, (int, float, np.floating)))
        sheet = draw_sheet(
            self._rows, meta['classes'], mask_colors(meta.get('palette')),
            f'iteration {runner.iter}: {scores}')
        with written_atomically(Path(runner.work_dir, SHEET)) as path:
            sheet.save(path)


def _write(figure: Figure, runner, name: str) -> None:
    with written_atomically(Path(runner.work_dir, name)) as path:
        figure.savefig(path, dpi=100)


def _ignored(runner) -> int:
    for metric in runner.val_loop.evaluator.metrics:
        return getattr(metric, 'ignore_index', UNKNOWN)
    return UNKNOWN
