import os.path as osp
import shlex
import sys
import time
from datetime import timedelta
from typing import List, Optional

import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmseg.evaluation import IoUMetric
from mmseg.registry import HOOKS

from ...utils.tool_command import tool_command
from ..class_areas import ClassAreas, score_table


@HOOKS.register_module()
class TrainingReportHook(Hook):
    """Hook that logs a summary at the end of a training.

    It has the last and the best checkpoint, the scores of each class in the
    last validation, the time, and two commands for test and prediction.
    ``tools/train.py`` adds the hook.

    Examples:
        >>> custom_hooks = [dict(type='TrainingReportHook')]
    """

    # after the last checkpoint
    priority = 'LOWEST'

    def before_train(self, runner) -> None:
        """Starts the clock and keeps the areas of the metrics."""
        self._start = time.time()
        self._first_iteration = runner.iter
        metrics = (
            runner.val_loop.evaluator.metrics if runner.val_loop else [])
        self._areas = [ClassAreas(metric) for metric in metrics
                       if isinstance(metric, IoUMetric)]

    def after_train(self, runner) -> None:
        """Logs the summary."""
        if not is_main_process():
            return
        last = runner.message_hub.get_info('last_ckpt')
        best = _best_checkpoints(runner)
        lines = [self._outcome(runner)]
        lines += [f'Last checkpoint: {last}'] if last else [
            'No checkpoint was written: the config has no '
            'default_hooks.checkpoint.']
        lines += best or (
            ["No best checkpoint was kept; set default_hooks.checkpoint."
             "save_best='mIoU' to keep it."] if last and runner.val_loop
            else [])
        for areas in self._areas:
            scores = areas.scores()
            if scores:
                lines += ['Last validation:', score_table(scores)]
        if last:
            lines += ['Next:', *_next_commands(runner, last)]
        runner.logger.info('\n'.join(lines))

    def _outcome(self, runner) -> str:
        done, total = runner.iter, runner.max_iters
        if done == self._first_iteration:
            return (
                f'This training was complete before, at iteration {done} of '
                f'{total}: nothing was trained. To train longer, raise '
                'train_cfg and the end of the param_scheduler in the config.')
        seconds = timedelta(seconds=round(time.time() - self._start))
        memory = ''
        if torch.cuda.is_available():
            peak = torch.cuda.max_memory_allocated() / 2**30
            memory = f', {peak:.1f} GiB of GPU memory'
        return (f'Training ended at iteration {done} of {total} after '
                f'{seconds}{memory}.')


def _best_checkpoints(runner) -> List[str]:
    known = runner.message_hub.runtime_info
    lines = []
    for key, path in known.items():
        if key.startswith('best_ckpt') and path:
            score = known.get(key.replace('best_ckpt', 'best_score'))
            lines.append(f'Best checkpoint: {path}'
                         + ('' if score is None else f' ({score:.2f})'))
    return lines


def _next_commands(runner, checkpoint: str) -> List[str]:
    config = _config_in_work_dir(runner)
    best = runner.message_hub.get_info('best_ckpt') or checkpoint
    tools = osp.dirname(sys.argv[0])
    if not osp.isfile(osp.join(tools, 'predict.py')):
        tools = 'tools'
    out = osp.join(runner.work_dir, 'predictions')
    masks = osp.join(runner.work_dir, 'masks')
    return [
        f'  {shlex.join([*tool_command(tool, tools), config, best])} {rest}'
        for tool, rest in (
            ('test', f'--out {shlex.quote(masks)}'),
            ('predict', f'FOLDER_OF_PHOTOS --out {shlex.quote(out)}'))
    ]


def _config_in_work_dir(runner) -> str:
    # name given by mmengine's runner
    named: Optional[str] = runner.cfg.filename
    return osp.join(runner.work_dir, osp.basename(named) if named else
                    f'{runner.timestamp}.py')
