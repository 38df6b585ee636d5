import json
import time
from pathlib import Path
from typing import Optional

from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from ...utils.atomic_file import written_atomically
from ...utils.bare_model import bare_model
from ..backbone_passes import watch_backbones
from .mean_teacher_hook import MeanTeacherHook

COST = 'cost.json'
_NOTHING = dict(image_passes=0, seconds=0.)


@HOOKS.register_module()
class CostHook(Hook):
    """Hook that measures the cost of a training: backbone passes and time.

    At the end of the training it writes ``cost.json`` into the work dir.
    ``image_passes`` are those of one process, including teachers and the
    networks of terms, without validations (see :func:`watch_backbones`).
    ``seconds`` last from the first to the last iteration, including
    validations. ``iterations`` is the length of the training. The cost until
    an interruption is saved in the checkpoint and added after a resume.

    Examples:
        >>> custom_hooks = [dict(type='CostHook')]
    """

    # after all other hooks of a step
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._loaded = self._earlier = dict(_NOTHING)
        self._handles: list = []
        self._image_passes = 0
        self._in_step = False

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Reads the cost saved in the checkpoint."""
        self._loaded = checkpoint.get('cost', dict(_NOTHING))

    def before_train(self, runner) -> None:
        """Starts the clock and the count."""
        # not from a checkpoint that only gave the initial weights
        self._earlier = self._loaded if runner.iter else dict(_NOTHING)
        self._image_passes, self._in_step = 0, False
        self._start = time.time()
        teachers = [
            hook.ema_model for hook in runner.hooks
            if isinstance(hook, MeanTeacherHook)
        ]
        self._handles = watch_backbones([bare_model(runner), *teachers],
                                        self._count)

    def before_train_iter(self,
                          runner,
                          batch_idx: int,
                          data_batch: Optional[dict] = None) -> None:
        """Starts to count."""
        self._in_step = True

    def after_train_iter(self,
                         runner,
                         batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Stops to count, since a validation may follow."""
        self._in_step = False

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Saves the cost in the checkpoint."""
        checkpoint['cost'] = self._total()

    def after_train(self, runner) -> None:
        """Writes the file if the training is complete."""
        for handle in self._handles:
            handle.remove()
        if is_main_process() and runner.iter >= runner.max_iters:
            with written_atomically(Path(runner.work_dir, COST)) as path:
                path.write_text(
                    json.dumps(dict(iterations=runner.iter, **self._total())))

    def _count(self, image_passes: int) -> None:
        if self._in_step:
            self._image_passes += image_passes

    def _total(self) -> dict:
        return dict(
            image_passes=self._earlier['image_passes'] + self._image_passes,
            seconds=self._earlier['seconds'] + time.time() - self._start)
