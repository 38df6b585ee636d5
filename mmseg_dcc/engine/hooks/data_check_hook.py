from mmengine.hooks import Hook
from mmseg.registry import HOOKS

from ..data_checks import check_data
from .supervised_warmup_hook import SupervisedWarmupHook


@HOOKS.register_module()
class DataCheckHook(Hook):
    """Checks classes and masks of any training before its first iteration.

    ``SupervisedWarmupHook`` does it, too; supervised trainings get this hook
    from ``tools/train.py``.

    Raises:
        ValueError: See :func:`check_data`.

    Examples:
        >>> custom_hooks = [dict(type='DataCheckHook')]
    """

    def before_train(self, runner) -> None:
        """Looks at the data, unless another hook does."""
        if not any(isinstance(hook, SupervisedWarmupHook)
                   for hook in runner.hooks):
            check_data(runner)
