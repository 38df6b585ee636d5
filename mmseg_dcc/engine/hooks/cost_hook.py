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
    """Counts what a training costs: passes through backbones, and seconds.

    At its end the work dir has ``cost.json`` with ``iterations``,
    ``image_passes`` (of one process, those of teachers and of the networks
    of terms among them, see :func:`watch_backbones`; validations count
    nothing) and ``seconds`` (from the first to the last iteration,
    validations among them). What a training had taken when it was
    interrupted is in its checkpoint and counts.

    Examples:
        >>> custom_hooks = [dict(type='CostHook')]
    """

    # the last one that touches a step
    priority = 'LOWEST'

    def __init__(self) -> None:
        self._loaded = self._earlier = dict(_NOTHING)
        self._handles: list = []
        self._image_passes = 0
        self._in_step = False

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Takes what the checkpoint knows."""
        self._loaded = checkpoint.get('cost', dict(_NOTHING))

    def before_train(self, runner) -> None:
        """Looks at the clock and begins to count."""
        # not of a checkpoint that gave the weights alone
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
        """Counts from here on."""
        self._in_step = True

    def after_train_iter(self,
                         runner,
                         batch_idx: int,
                         data_batch: Optional[dict] = None,
                         outputs: Optional[dict] = None) -> None:
        """Counts no longer: a validation may follow."""
        self._in_step = False

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Keeps what was counted."""
        checkpoint['cost'] = self._total()

    def after_train(self, runner) -> None:
        """Writes the file, if the training has come to its end."""
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
