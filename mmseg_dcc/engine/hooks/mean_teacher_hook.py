from mmengine.hooks import EMAHook
from mmseg.registry import HOOKS


@HOOKS.register_module()
class MeanTeacherHook(EMAHook):
    """Averages the weights and lets the average teach.

    For :class:`MeanTeacherDCCSegmentor`. Averaging, validation with the
    averaged weights, checkpoints that hold them as the model, and the
    student beside it for ``--resume``, are ``EMAHook``'s.

    Args:
        momentum (float): Share of the newest weights in the average; 1 /
            momentum iterations are what the teacher remembers. Defaults to
            0.001; short trainings need more (0.01 for some thousand
            iterations).
        update_buffers (bool): Whether the BN statistics are averaged, too.
            Defaults to True.
        **kwargs: See ``EMAHook``.

    Raises:
        TypeError: If the model takes no teacher.

    Examples:
        >>> custom_hooks = [dict(type='MeanTeacherHook', momentum=0.001)]
    """

    def __init__(self,
                 momentum: float = 0.001,
                 update_buffers: bool = True,
                 **kwargs) -> None:
        super().__init__(
            momentum=momentum, update_buffers=update_buffers, **kwargs)

    def before_train(self, runner) -> None:
        """Hands the teacher to the model."""
        super().before_train(runner)
        if not hasattr(self.src_model, 'set_teacher'):
            raise TypeError(
                'MeanTeacherHook needs MeanTeacherDCCSegmentor, got '
                f'{type(self.src_model).__name__}. Change model.type, or '
                "take custom_hooks=[dict(type='EMAHook')], which averages "
                'the weights of any model.')
        self.src_model.set_teacher(self.ema_model.module)

    def after_train_iter(self, runner, *args, **kwargs) -> None:
        """Averages the weights, but not the memory bank."""
        super().after_train_iter(runner, *args, **kwargs)
        student = dict(self.src_model.named_buffers())
        for name, buffer in self.ema_model.module.named_buffers():
            if name.startswith('memory_bank.'):
                buffer.copy_(student[name])
