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
from ..unfinished_epoch import KEY, note_position, skip_done_batches

# Set by tools/dist_train.sh and tools/slurm_train.sh.
COMMAND = 'MMSEG_DCC_COMMAND'


@HOOKS.register_module()
class InterruptHook(Hook):
    """Ends a training that is told to stop with a checkpoint of its step.

    Ctrl-C, SIGTERM (Slurm, containers, ``kill``), SIGHUP and SIGUSR1 let the
    step end; then a checkpoint is written from which ``--resume`` goes on
    with the same bits, be it in the middle of an epoch, and the command for
    that is the last line. A second Ctrl-C ends the training at once. Several
    processes agree after each step, by one number, whether it was the last.

    The checkpoint is written by the ``CheckpointHook`` of the training: it
    counts among its ``max_keep_ckpts``. In a loop over epochs it is called
    ``epoch_{epochs done}_iter_{iterations done}.pth``.

    ``tools/train.py`` adds it to every training.

    Examples:
        >>> custom_hooks = [dict(type='InterruptHook')]
    """

    # after all others have done what belongs to the step
    priority = 'LOWEST'

    def __init__(self) -> None:
        # The loop over iterations starts its workers before `before_run`.
        protect_workers()
        self._position: Optional[dict] = None
        self._batches_done = 0
        self._signal = 0

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Keeps the position in the epoch."""
        self._position = checkpoint.get('meta', {}).get(KEY)

    def before_train(self, runner) -> None:
        """Listens from now on."""
        if (self._position and runner.iter
                and isinstance(runner.train_loop, EpochBasedTrainLoop)):
            skip_done_batches(runner.train_loop, self._position)
        self._request = StopRequest(speaks=is_main_process())
        self._request.listen()

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Notes the position in the epoch."""
        note_position(checkpoint, runner, self._batches_done)

    def before_train_iter(self, runner, batch_idx: int,
                          data_batch=None) -> None:
        """Counts the batch, which any checkpoint of this step contains."""
        self._batches_done = batch_idx + 1

    def after_train_iter(self, runner, batch_idx: int, data_batch=None,
                         outputs=None) -> None:
        """Writes the checkpoint and ends, if a process was told to.

        Raises:
            SystemExit: With 128 + the number of the signal.
        """
        self._signal = self._signal or self._request.of_any_process()
        # The last step, or that of an epoch: what follows it has its place
        # in mmengine's loop alone. The next is soon enough.
        if not self._signal or runner.iter + 1 >= runner.max_iters or (
                isinstance(runner.train_loop, EpochBasedTrainLoop)
                and batch_idx + 1 == len(runner.train_dataloader)):
            return
        path = _save(runner)
        if _is_validated_now(runner):
            return  # and one step more, so that its scores are not missing
        print_log(
            _farewell(runner, self._signal, path),
            logger='current',
            level=logging.WARNING)
        runner.visualizer.close()
        # A launcher ends the others when the first has ended: not while a
        # checkpoint is being written.
        barrier()
        self._release()
        raise SystemExit(128 + self._signal)

    def after_train_epoch(self, runner) -> None:
        """Begins to count again."""
        self._batches_done = 0

    def after_train(self, runner) -> None:
        """Listens no longer."""
        self._release()

    def _release(self) -> None:
        self._request.restore()
        stop_protecting()


def _save(runner) -> Optional[str]:
    """Path of the checkpoint of this step; None without CheckpointHook."""
    hook = next(
        (hook for hook in runner.hooks if isinstance(hook, CheckpointHook)),
        None)
    if hook is None:
        return None
    done = runner.iter + 1
    step = f'{runner.epoch}_iter_{done}' if hook.by_epoch else done
    name = hook.filename_tmpl.format(step)
    if os.path.basename(hook.last_ckpt or '') != name:
        # its own, so that the oldest makes room and `last_checkpoint` is
        # written
        hook._save_checkpoint_with_step(
            runner, step, meta=dict(epoch=runner.epoch, iter=done))
    return hook.last_ckpt


def _is_validated_now(runner) -> bool:
    loop, done = runner.train_loop, runner.iter + 1
    return (runner.val_loop is not None
            and isinstance(loop, IterBasedTrainLoop)
            and done >= loop.val_begin and done % loop.val_interval == 0)


def _farewell(runner, number: int, path: Optional[str]) -> str:
    text = (f'Stopped by {signal.Signals(number).name} after iteration '
            f'{runner.iter + 1} of {runner.max_iters}.')
    if path is None:
        return (f'{text} No checkpoint was written, since the config has no '
                'default_hooks.checkpoint.')
    return f'{text} Checkpoint: {path}. Go on with: {resume_command()}'


def resume_command() -> str:
    """Command that goes on with this training, as typed in a shell."""
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
