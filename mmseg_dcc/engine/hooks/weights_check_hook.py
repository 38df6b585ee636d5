import logging

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmseg.registry import HOOKS

from ...datasets.class_checks import class_conflict, class_names
from ...datasets.plain_datasets import plain_datasets
from ...utils.bare_model import bare_model
from ...utils.weights_fit import compare_weights, weights_of


@HOOKS.register_module()
class WeightsCheckHook(Hook):
    """Hook that rejects a checkpoint which does not fit the model.

    mmengine loads the weights that fit and lists the others in one line of
    the log; a test would then measure a head with random weights. A test and
    ``--resume`` need all weights of the model, finite, and the classes of the
    training in the same order. A training may start from a part of the
    weights (``load_from``): a warning lists the rest, and a checkpoint without
    any fitting weight is rejected.

    Raises:
        ValueError: If the checkpoint does not fit.

    Examples:
        >>> custom_hooks = [dict(type='WeightsCheckHook')]
    """

    # before MeanTeacherHook, which swaps the weights of the checkpoint
    priority = 'HIGHEST'

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compares weights and classes with the model and the data."""
        model = bare_model(runner)
        # model of test-time augmentation
        model = getattr(model, 'module', model)
        fit = compare_weights(model, weights_of(checkpoint))
        trains = isinstance(runner.optim_wrapper,
                            (OptimWrapper, OptimWrapperDict))
        starts = trains and not runner._resume
        name = runner._load_from or 'The checkpoint'
        if fit.not_finite or fit.unfit and (not starts
                                            or fit.unfit == fit.total):
            raise ValueError(
                f'{name} does not fit the network of the config, or is '
                f'broken: {fit.text()}. ' +
                ('Training' if trains else 'Scores and pictures') +
                ' of such a network would mean nothing. Use the config of '
                'the training that wrote it (its work dir has a copy), or '
                'another checkpoint.')
        if fit.unfit:
            print_log(
                f'{name} holds only some weights of the network; the others '
                f'start from their initialization: {fit.text()}.',
                logger='current',
                level=logging.WARNING)
        if not trains:
            self._check_classes(runner, checkpoint, name)

    @staticmethod
    def _check_classes(runner, checkpoint: dict, name: str) -> None:
        trained = checkpoint.get('meta', {}).get('dataset_meta') or {}
        trained = tuple(trained.get('classes') or ())
        for dataset in plain_datasets(runner.test_dataloader.dataset):
            tested = class_names(dataset)
            if not trained or not tested or trained == tested:
                continue
            what = (f'{name} was trained with the classes {trained}, but the '
                    f'test data set has {tested}')
            conflict = class_conflict(trained, tested)
            if conflict:
                raise ValueError(
                    f'{what}: {conflict}. Give the test data set the same '
                    'metainfo.classes in the same order.')
            print_log(
                f'{what}: make sure that each id means the same class.',
                logger='current',
                level=logging.WARNING)
