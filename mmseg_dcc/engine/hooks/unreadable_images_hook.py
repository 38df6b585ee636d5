import logging

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmseg.registry import HOOKS

from ...datasets.plain_datasets import unlabeled_datasets


@HOOKS.register_module()
class UnreadableImagesHook(Hook):
    """Hook that counts unreadable unlabeled images at the end of a training.

    The workers log each image when they find it. The processes of other GPUs
    have no log file, so the report lists the images that they found.

    Examples:
        >>> custom_hooks = [dict(type='UnreadableImagesHook')]
    """

    def after_train(self, runner) -> None:
        """Logs the number of unreadable images."""
        for part in unlabeled_datasets(runner.train_dataloader.dataset):
            _report(part)


def _report(dataset) -> None:
    named = set(dataset.unreadable_images())
    dataset.gather_unreadable_images()
    images = dataset.unreadable_images()
    found_elsewhere = [path for path in images if path not in named]
    message = (f'Unreadable unlabeled images: {len(images)} of '
               f'{len(dataset)}. Each was replaced by another one.')
    if found_elsewhere:
        message += (' Found by other processes: '
                    f'{", ".join(found_elsewhere)}')
    print_log(
        message,
        logger='current',
        level=logging.WARNING if images else logging.INFO)
