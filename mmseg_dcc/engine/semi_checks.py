"""Checks of a semi-supervised training before its first iteration."""
from contextlib import contextmanager

import torch
from torch import nn

from ..datasets.checks import check_semi_dataloader, check_weak_masks
from ..datasets.dropped_channels import warn_of_dropped_channels
from ..datasets.geometry_probe import probe_views
from ..datasets.plain_datasets import plain_datasets, unlabeled_datasets
from ..models import SemiEncoderDecoder
from ..utils.bare_model import bare_model
from ..utils.random_states import preserved_random_states
from .hooks.mean_teacher_hook import MeanTeacherHook
from .schedule_checks import (
    check_learning_rates_of_terms,
    check_scaled_rate,
)
from .training_checks import check_training


def check_semi_training(runner) -> None:
    """Raises or warns before training about what would fail in it.

    Args:
        runner (Runner): Runner at the beginning of its training.

    Raises:
        TypeError: If the model has no terms.
        ValueError: If model, terms, hooks and data do not fit together.
    """
    model = bare_model(runner)
    loader = runner.train_dataloader
    if not isinstance(model, SemiEncoderDecoder):
        raise TypeError(
            'SupervisedWarmupHook needs a SemiEncoderDecoder such as '
            f'DCCSegmentor, got {type(model).__name__}. Change model.type or '
            'remove the hook from custom_hooks.')
    check_semi_dataloader(loader)
    check_training(runner)
    terms = model.terms.values()
    check_weak_masks(
        loader.dataset, wanted=any(term.needs_weak_masks for term in terms))
    check_teacher(model, runner.hooks)
    for dataset in unlabeled_datasets(loader.dataset):
        warn_of_dropped_channels(dataset)
        probe_views(dataset)
    check_channels(model, loader.dataset)
    check_small_batches(model, loader)
    sampler = loader.batch_sampler
    check_scaled_rate(runner, sampler.images_per_batch,
                      [not unlabeled for unlabeled in sampler.is_unlabeled])
    check_learning_rates_of_terms(model, runner.optim_wrapper.optimizer)
    for term in terms:
        term.check(model, loader)


def check_teacher(model: SemiEncoderDecoder, hooks) -> None:
    """Raises if a term needs a teacher and no hook makes one.

    Args:
        model (SemiEncoderDecoder): The segmentor.
        hooks (list[Hook]): Hooks of the runner.

    Raises:
        ValueError: If a term needs a teacher and there is none.
    """
    wanting = [
        name for name, term in model.terms.items() if term.needs_teacher
    ]
    if wanting and not any(isinstance(hook, MeanTeacherHook)
                           for hook in hooks):
        raise ValueError(
            f'The term(s) {wanting} learn from a teacher, but no hook makes '
            f'one. Add dict(type={MeanTeacherHook.__name__!r}) to '
            'custom_hooks, or set teacher=False of the term.')


def check_channels(model: SemiEncoderDecoder, dataset) -> None:
    """Compares the channels of images with those that the model expects.

    Args:
        model (SemiEncoderDecoder): The segmentor.
        dataset (Dataset): Data set of the training.

    Raises:
        ValueError: If an image of one of the data sets does not fit.
    """
    preprocessor = model.data_preprocessor
    with preserved_random_states():
        for plain in plain_datasets(dataset):
            found = plain[0]['inputs'].shape[-3]
            if found != model.in_channels:
                raise ValueError(
                    f'{type(plain).__name__} gives images of {found} '
                    'channel(s), but the backbone expects '
                    f'{model.in_channels}. Set model.backbone.in_channels '
                    '(and pretrained=None, if its weights are for three), or '
                    'color_type of LoadImageFromFile.')
            for key in ('mean', 'std'):
                given = getattr(preprocessor, key, None)
                if given is not None and len(given) not in (1, found):
                    raise ValueError(
                        f'model.data_preprocessor.{key} has {len(given)} '
                        f'numbers, but {type(plain).__name__} gives images of '
                        f'{found} channel(s). Set one number per channel.')


@torch.no_grad()
def check_small_batches(model: SemiEncoderDecoder, loader) -> None:
    """Raises if the network cannot normalise a batch of one image.

    Args:
        model (SemiEncoderDecoder): The segmentor; its buffers are restored.
        loader (DataLoader): Loader with :class:`MultiSourceBatchSampler`.

    Raises:
        ValueError: If batch normalization would fail in training.
    """
    sampler = loader.batch_sampler
    parts = [
        sum(number for number, of_kind in zip(sampler.images_per_batch,
                                              sampler.is_unlabeled)
            if of_kind is unlabeled) for unlabeled in (False, True)
    ]
    if 1 not in parts:
        return
    # a multiple of patch sizes 14, 16 and 32 px
    side = 224
    try:
        with _kept_buffers(model):
            model.train()
            model(next(model.parameters()).new_zeros(
                1, model.in_channels, side, side), mode='tensor')
    except ValueError as error:
        if 'more than 1 value per channel' not in str(error):
            raise
        raise ValueError(
            'A process trains on one labeled or one unlabeled image at a time '
            f'({sampler.images_per_batch} images of each source), but this '
            'network normalises values of which each image has only one, such '
            'as those of an image pool. Raise train_dataloader.batch_size, '
            'so that each source has two images in a batch, or set '
            "norm_cfg=dict(type='GN', ...) in the heads.") from error
    except RuntimeError:
        # The network may need larger images than this one, which is no reason
        # to stop a training on larger crops.
        return


@contextmanager
def _kept_buffers(model: nn.Module):
    before = [(buffer, buffer.clone()) for buffer in model.buffers()]
    was_training = model.training
    try:
        yield
    finally:
        model.train(was_training)
        for buffer, value in before:
            buffer.copy_(value)
