from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmseg.registry import HOOKS


@HOOKS.register_module()
class RankZeroBuffersHook(Hook):
    """Validates with the batch statistics that a checkpoint holds.

    Without SyncBN each process has running statistics of its own, and only
    those of the first are saved. The others take them over before each
    validation: the mIoU of the log is then that of the checkpoint, whether
    or not the training was stopped and resumed. (``SyncBuffersHook`` of
    mmengine takes their mean, with iterations only after they were saved.)

    Switched on by ``run_on_cpu_if_needed``, which replaces SyncBN by BN.

    Examples:
        >>> custom_hooks = [dict(type='RankZeroBuffersHook')]
    """

    # After an EMA hook has put the buffers of the average in their place.
    priority = 'BELOW_NORMAL'

    def before_val_epoch(self, runner) -> None:
        """Sends the buffers of the first process to the others."""
        for buffer in runner.model.buffers():
            broadcast(buffer)
