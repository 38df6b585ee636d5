"""Resume in the middle of an epoch."""
import logging

from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop

KEY = 'unfinished_epoch'


def save_position(checkpoint: dict, runner, done: int) -> None:
    """Saves in a checkpoint how many batches of its epoch are done.

    mmengine would repeat the whole epoch on top of what was learned from it.

    Args:
        checkpoint (dict): Checkpoint to be written; changed in place if it
            belongs to the middle of an epoch.
        runner (Runner): Runner of the training.
        done (int): Batches of the epoch that have been trained on.
    """
    if (isinstance(runner.train_loop, EpochBasedTrainLoop) and done
            and checkpoint['meta']['epoch'] == runner.epoch):
        checkpoint['meta'][KEY] = dict(
            done=done, of=len(runner.train_dataloader))


def skip_done_batches(loop: EpochBasedTrainLoop, position: dict) -> None:
    """Makes the loop skip the first batches of its next epoch.

    They are still loaded, as in mmengine's iteration-based loop after a
    resume, so that the workers draw the same random numbers.

    Args:
        loop (EpochBasedTrainLoop): Loop of the resumed training.
        position (dict): Position saved by :func:`save_position`.
    """
    epoch, length = loop.epoch, len(loop.dataloader)
    if position['of'] != length:
        print_log(
            f'The checkpoint was written after {position["done"]} of '
            f'{position["of"]} batches of epoch {epoch + 1}. An epoch has '
            f'{length} now, so it starts again and its first images count '
            'twice. To avoid that, resume with the same batch size, number '
            'of processes and images as before.',
            logger='current',
            level=logging.WARNING)
        return
    run_iter = loop.run_iter

    def run_new_iter(idx, data_batch):
        if loop.epoch > epoch or idx >= position['done']:
            run_iter(idx, data_batch)

    loop.run_iter = run_new_iter
