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
    """Says at the end of a training what came out of it and what to do next.

    One block in the log: the last and the best checkpoint, the scores of each
    class in the last validation, the time, and two commands to go on with.
    ``tools/train.py`` adds it.

    Examples:
        >>> custom_hooks = [dict(type='TrainingReportHook')]
    """

    # after the last checkpoint
    priority = 'LOWEST'

    def before_train(self, runner) -> None:
        """Looks at the clock, and listens to the metric."""
        self._start = time.time()
        self._first_iteration = runner.iter
        metrics = (
            runner.val_loop.evaluator.metrics if runner.val_loop else [])
        self._areas = [ClassAreas(metric) for metric in metrics
                       if isinstance(metric, IoUMetric)]

    def after_train(self, runner) -> None:
        """Writes the block."""
        if not is_main_process():
            return
        last = runner.message_hub.get_info('last_ckpt')
        best = _best_checkpoints(runner)
        lines = [self._what_happened(runner)]
        lines += [f'Last checkpoint: {last}'] if last else [
            'No checkpoint was written: the config has no '
            'default_hooks.checkpoint.']
        lines += best or (
            ["No best checkpoint is kept; default_hooks.checkpoint.save_best="
             "'mIoU' would keep it."] if last and runner.val_loop else [])
        for areas in self._areas:
            scores = areas.scores()
            if scores:
                lines += ['Last validation:', score_table(scores)]
        if last:
            lines += ['Next:', *_next_commands(runner, last)]
        runner.logger.info('\n'.join(lines))

    def _what_happened(self, runner) -> str:
        done, total = runner.iter, runner.max_iters
        if done == self._first_iteration:
            return (
                f'This training had ended before, at iteration {done} of '
                f'{total}: nothing was trained. For a longer one, raise its '
                'length and that of the schedule in the config.')
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
    # as mmengine's runner names it
    named: Optional[str] = runner.cfg.filename
    return osp.join(runner.work_dir, osp.basename(named) if named else
                    f'{runner.timestamp}.py')
