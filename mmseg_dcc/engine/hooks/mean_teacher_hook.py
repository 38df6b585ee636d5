from mmengine.hooks import EMAHook
from mmengine.model import is_model_wrapper
from mmseg.registry import HOOKS
from torch import nn


@HOOKS.register_module()
class MeanTeacherHook(EMAHook):
    """Hook that keeps a mean teacher: a moving average of the weights.

    It works with :class:`SemiEncoderDecoder` and any terms. ``EMAHook`` does
    the averaging, the validation with the averaged weights, and the
    checkpoints, which hold the teacher as the model and the student beside it
    for ``--resume``. ``model.terms`` are only needed for training: they are
    neither averaged nor copied, the teacher shares those of the student.

    Args:
        momentum (float): Share of the newest weights in the average, which
            covers about the last 1 / momentum iterations. Defaults to 0.001;
            short trainings need more (0.01 for some thousand iterations).
        update_buffers (bool): Whether the BN statistics are averaged, too.
            Defaults to True.
        **kwargs: See ``EMAHook``. ``ema_type='MomentumAnnealingEMA'`` with
            ``gamma=1`` and ``momentum=0.004`` is the average of UniMatch V2.

    Raises:
        TypeError: If the model does not support a teacher.

    Examples:
        >>> custom_hooks = [dict(type='MeanTeacherHook', momentum=0.001)]
    """

    def __init__(self,
                 momentum: float = 0.001,
                 update_buffers: bool = True,
                 **kwargs) -> None:
        super().__init__(
            momentum=momentum, update_buffers=update_buffers, **kwargs)

    def before_run(self, runner) -> None:
        """Copies the model without its terms, which both models share."""
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        if not hasattr(model, 'terms'):
            super().before_run(runner)
            return
        terms, model.terms = model.terms, nn.ModuleDict()
        try:
            super().before_run(runner)
        finally:
            model.terms = terms
        self.ema_model.module.terms = terms

    def before_train(self, runner) -> None:
        """Passes the teacher to the model."""
        super().before_train(runner)
        if not hasattr(self.src_model, 'set_teacher'):
            raise TypeError(
                'MeanTeacherHook needs a SemiEncoderDecoder, got '
                f'{type(self.src_model).__name__}. Change model.type, or '
                "use custom_hooks=[dict(type='EMAHook')], which averages "
                'the weights of any model.')
        self.src_model.set_teacher(self.ema_model.module)
