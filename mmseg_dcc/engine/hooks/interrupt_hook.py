import logging
import os
import shlex
import shutil
import signal
import sys
from typing import Optional

from mmengine.dist import barrier, get_world_size, is_main_process
from mmengine.hooks import CheckpointHook, Hook
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop
from mmseg.registry import HOOKS

from ...utils.tool_command import runs_from_installation, tool_command
from ..stop_request import StopRequest, protect_workers, stop_protecting
from ..unfinished_epoch import KEY, save_position, skip_done_batches

# Set by tools/dist_train.sh and tools/slurm_train.sh.
COMMAND = 'MMSEG_DCC_COMMAND'


@HOOKS.register_module()
class InterruptHook(Hook):
    """Hook that saves a checkpoint when a training is told to stop.

    On Ctrl-C, SIGTERM (Slurm, containers, ``kill``), SIGHUP and SIGUSR1 the
    current step is finished. Then a checkpoint is saved from which
    ``--resume`` continues bit for bit, even in the middle of an epoch, and the
    command for that is logged as the last line. A second Ctrl-C ends the
    training at once. Several processes agree after each step, by one number,
    whether it was the last.

    The checkpoint is written by the ``CheckpointHook`` of the training and
    counts among its ``max_keep_ckpts``. In an epoch-based loop it is named
    ``epoch_{epochs done}_iter_{iterations done}.pth``.

    ``tools/train.py`` adds this hook to every training.

    Examples:
        >>> custom_hooks = [dict(type='InterruptHook')]
    """

    # after all other hooks of a step
    priority = 'LOWEST'

    def __init__(self) -> None:
        # the iteration-based loop starts its workers before `before_run`
        protect_workers()
        self._position: Optional[dict] = None
        self._batches_done = 0
        self._signal = 0

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Reads the position in the epoch."""
        self._position = checkpoint.get('meta', {}).get(KEY)

    def before_train(self, runner) -> None:
        """Starts to listen for signals."""
        if (self._position and runner.iter
                and isinstance(runner.train_loop, EpochBasedTrainLoop)):
            skip_done_batches(runner.train_loop, self._position)
        self._request = StopRequest(prints=is_main_process())
        self._request.listen()

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Saves the position in the epoch."""
        save_position(checkpoint, runner, self._batches_done)

    def before_train_iter(self, runner, batch_idx: int,
                          data_batch=None) -> None:
        """Counts the batch; a checkpoint of this step includes it."""
        self._batches_done = batch_idx + 1

    def after_train_iter(self, runner, batch_idx: int, data_batch=None,
                         outputs=None) -> None:
        """Saves a checkpoint and exits if any process got a signal.

        Raises:
            SystemExit: With 128 + the number of the signal.
        """
        self._signal = self._signal or self._request.of_any_process()
        # Not after the last step of the training or of an epoch: mmengine's
        # loop has more to do after it. The next step is soon enough.
        if not self._signal or runner.iter + 1 >= runner.max_iters or (
                isinstance(runner.train_loop, EpochBasedTrainLoop)
                and batch_idx + 1 == len(runner.train_dataloader)):
            return
        path = _save(runner)
        if _is_validated_now(runner):
            return  # one more step, so that the scores are not missing
        print_log(
            _stop_message(runner, self._signal, path),
            logger='current',
            level=logging.WARNING)
        runner.visualizer.close()
        # A launcher kills the other processes once the first has exited, which
        # must not happen while a checkpoint is being written.
        barrier()
        self._release()
        raise SystemExit(128 + self._signal)

    def after_train_epoch(self, runner) -> None:
        """Resets the count of batches."""
        self._batches_done = 0

    def after_train(self, runner) -> None:
        """Stops to listen for signals."""
        self._release()

    def _release(self) -> None:
        self._request.restore()
        stop_protecting()


def _save(runner) -> Optional[str]:
    """Saves a checkpoint; returns its path, or None without CheckpointHook."""
    hook = next(
        (hook for hook in runner.hooks if isinstance(hook, CheckpointHook)),
        None)
    if hook is None:
        return None
    done = runner.iter + 1
    step = f'{runner.epoch}_iter_{done}' if hook.by_epoch else done
    name = hook.filename_tmpl.format(step)
    if os.path.basename(hook.last_ckpt or '') != name:
        # the method of the hook, so that the oldest checkpoint is removed and
        # `last_checkpoint` is written
        hook._save_checkpoint_with_step(
            runner, step, meta=dict(epoch=runner.epoch, iter=done))
    return hook.last_ckpt


def _is_validated_now(runner) -> bool:
    loop, done = runner.train_loop, runner.iter + 1
    return (runner.val_loop is not None
            and isinstance(loop, IterBasedTrainLoop)
            and done >= loop.val_begin and done % loop.val_interval == 0)


def _stop_message(runner, number: int, path: Optional[str]) -> str:
    text = (f'Stopped by {signal.Signals(number).name} after iteration '
            f'{runner.iter + 1} of {runner.max_iters}.')
    if path is None:
        return (f'{text} No checkpoint was written, since the config has no '
                'default_hooks.checkpoint.')
    return f'{text} Checkpoint: {path}. Resume with: {resume_command()}'


def resume_command() -> str:
    """Command that resumes this training, as typed in a shell."""
    command = os.environ.get(COMMAND)
    if not command and get_world_size() > 1:
        return 'the same command and --resume'
    if not command:
        program = os.path.basename(sys.executable)
        if shutil.which(program) != sys.executable:
            program = sys.executable
        tool = sys.argv[:1]
        if runs_from_installation():
            tool = tool_command(os.path.splitext(
                os.path.basename(sys.argv[0]))[0])[1:]
        command = shlex.join([program, *tool, *sys.argv[1:]])
    return (command if '--resume' in shlex.split(command) else
            f'{command} --resume')
