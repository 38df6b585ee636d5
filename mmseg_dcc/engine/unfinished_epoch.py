"""Going on in the middle of an epoch."""
import logging

from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop

KEY = 'unfinished_epoch'


def note_position(checkpoint: dict, runner, done: int) -> None:
    """Notes in a checkpoint how much of its epoch is done.

    mmengine begins the epoch again, on top of what was learned from it.

    Args:
        checkpoint (dict): About to be written; changed in place if it is of
            the middle of an epoch.
        runner (Runner): Of the training.
        done (int): Batches of the epoch that have been trained on.
    """
    if (isinstance(runner.train_loop, EpochBasedTrainLoop) and done
            and checkpoint['meta']['epoch'] == runner.epoch):
        checkpoint['meta'][KEY] = dict(
            done=done, of=len(runner.train_dataloader))


def skip_done_batches(loop: EpochBasedTrainLoop, position: dict) -> None:
    """Makes the loop leave out the first batches of its next epoch.

    They are loaded, as mmengine's loop over iterations does when it resumes:
    so the workers draw what they would have drawn.

    Args:
        loop (EpochBasedTrainLoop): About to go on.
        position (dict): What :func:`note_position` noted.
    """
    epoch, length = loop.epoch, len(loop.dataloader)
    if position['of'] != length:
        print_log(
            f'The checkpoint was written after {position["done"]} of '
            f'{position["of"]} batches of epoch {epoch + 1}. An epoch has '
            f'{length} now, so it begins again. Its images count twice: to '
            'avoid it go on with the batch size, processes and images of '
            'then.',
            logger='current',
            level=logging.WARNING)
        return
    run_iter = loop.run_iter

    def run_new_iter(idx, data_batch):
        if loop.epoch > epoch or idx >= position['done']:
            run_iter(idx, data_batch)

    loop.run_iter = run_new_iter
