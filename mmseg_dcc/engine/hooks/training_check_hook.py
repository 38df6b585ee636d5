from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from ..training_checks import check_test, check_training
from .supervised_warmup_hook import SupervisedWarmupHook


@HOOKS.register_module()
class TrainingCheckHook(Hook):
    """Checks any training before its first iteration, and any test.

    ``SupervisedWarmupHook`` does it, too; supervised trainings get this hook
    from ``tools/train.py``.

    Raises:
        ValueError: See :func:`check_training`.

    Examples:
        >>> custom_hooks = [dict(type='TrainingCheckHook')]
    """

    def before_train(self, runner) -> None:
        """Looks at the data, unless another hook does."""
        if not any(isinstance(hook, SupervisedWarmupHook)
                   for hook in runner.hooks):
            check_training(runner)

    def before_test(self, runner) -> None:
        """Looks whether the test knows where its masks are."""
        check_test(runner)
