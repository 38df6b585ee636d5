from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmseg.registry import HOOKS


@HOOKS.register_module()
class RankZeroBuffersHook(Hook):
    """Hook that validates with the batch statistics of the checkpoint.

    Without SyncBN each process has its own running statistics, and only those
    of the first process are saved. The others receive them before each
    validation. The logged mIoU is thus that of the checkpoint, whether or not
    the training was stopped and resumed. (``SyncBuffersHook`` of mmengine
    takes the mean, in iteration-based loops only after they were saved.)

    ``run_on_cpu_if_needed``, which replaces SyncBN by BN, adds this hook.

    Examples:
        >>> custom_hooks = [dict(type='RankZeroBuffersHook')]
    """

    # after an EMA hook has swapped in the averaged buffers
    priority = 'BELOW_NORMAL'

    def before_val_epoch(self, runner) -> None:
        """Sends the buffers of the first process to the others."""
        for buffer in runner.model.buffers():
            broadcast(buffer)
