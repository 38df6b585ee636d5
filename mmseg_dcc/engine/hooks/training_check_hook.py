from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from ..training_checks import check_test, check_training
from .supervised_warmup_hook import SupervisedWarmupHook


@HOOKS.register_module()
class TrainingCheckHook(Hook):
    """Hook that checks a training or test before its first iteration.

    ``tools/train.py`` adds it to supervised trainings. Semi-supervised ones
    are checked by ``SupervisedWarmupHook``.

    Raises:
        ValueError: See :func:`check_training`.

    Examples:
        >>> custom_hooks = [dict(type='TrainingCheckHook')]
    """

    def before_train(self, runner) -> None:
        """Checks the training, unless another hook does."""
        if not any(isinstance(hook, SupervisedWarmupHook)
                   for hook in runner.hooks):
            check_training(runner)

    def before_test(self, runner) -> None:
        """Checks that the test can find its masks."""
        check_test(runner)
