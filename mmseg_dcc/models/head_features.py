"""Features and class scores of decode heads that end in ``cls_seg``."""
from contextlib import contextmanager
from typing import Callable, Iterator, List, Optional, Tuple

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from .head_checks import PIXEL_HEAD_REQUIRED, as_list


def pixel_heads(decode_head: nn.Module) -> List[nn.Module]:
    """Heads to run in turn; the last one classifies every pixel.

    These are all heads of a model, with two exceptions. K-Net refines the
    masks of its kernel generation head, PointRend the scores of the head
    before its point head at some points. For both the terms use the head
    that is refined, since it classifies every pixel and has its own loss.

    Args:
        decode_head (nn.Module): One head, or the list of a cascade.

    Raises:
        TypeError: If no head classifies pixels; names the head.
    """
    heads = [
        getattr(head, 'kernel_generate_head', head)
        for head in as_list(decode_head)
    ]
    name = type(heads[-1]).__name__
    # Heads that do not classify pixels delete ``conv_seg``.
    while heads and not (isinstance(heads[-1], BaseDecodeHead)
                         and hasattr(heads[-1], 'conv_seg')):
        heads.pop()
    if not heads:
        raise TypeError(f'{name} is not supported: {PIXEL_HEAD_REQUIRED}')
    return heads


@contextmanager
def recorded_classifier(
        head: nn.Module,
        keep_scores: bool = True) -> Iterator[List[Tuple[Tensor, Tensor]]]:
    """Context manager that records input and output of ``head.cls_seg``.

    Args:
        head (nn.Module): A head that calls ``self.cls_seg``.
        keep_scores (bool): Whether the scores carry a gradient. False saves
            the memory of their graph. Defaults to True.

    Yields:
        list[tuple[Tensor, Tensor]]: Features, before the dropout of
        ``cls_seg``, and scores of each call so far.
    """
    recorded: List[Tuple[Tensor, Tensor]] = []

    def record(features: Tensor) -> Tensor:
        with torch.set_grad_enabled(keep_scores and torch.is_grad_enabled()):
            scores = type(head).cls_seg(head, features)
        recorded.append((features, scores))
        return scores

    # The instance attribute shadows the method of the class.
    head.cls_seg = record
    try:
        yield recorded
    finally:
        del head.cls_seg


# The method that is replaced for a moment would be compiled at each call.
@torch.compiler.disable
def classifier_input(head: nn.Module, *head_inputs) -> Tensor:
    """Input of ``cls_seg`` in a forward pass of a head.

    These are the encoder features f of Fig. 4: the output of everything but
    the final classifier, before the dropout of ``cls_seg``.

    Args:
        head (nn.Module): A head that calls ``self.cls_seg``.
        *head_inputs: Arguments of ``head.forward``.

    Returns:
        Tensor: Features, shape (N, channels, h, w), with gradient.

    Raises:
        RuntimeError: If ``head.forward`` did not call ``cls_seg`` with one
            feature map.
    """
    with recorded_classifier(head, keep_scores=False) as recorded:
        head(*head_inputs)
    if len(recorded) != 1 or recorded[0][0].dim() != 4:
        raise RuntimeError(
            f'{type(head).__name__}.forward called cls_seg {len(recorded)} '
            'times with a feature map, but terms need exactly one call. Use '
            'another model.decode_head.')
    return recorded[0][0]


def encoder_features(
        model: nn.Module,
        images: Tensor,
        perturb: Optional[Callable[[Tensor], Tensor]] = None) -> Tensor:
    """Encoder features f = E(x) of Fig. 4, the input of the classifier.

    Args:
        model (nn.Module): Any segmentor with such a classifier, stock or of
            this package.
        images (Tensor): Shape (N, channels, H, W).
        perturb (Callable, optional): Function of one tensor that is applied
            to each feature map of backbone and neck, such as a dropout of
            channels. Defaults to None.

    Returns:
        Tensor: Shape (N, channels, h, w), with gradient.
    """
    levels = model.extract_feat(images)
    if perturb is not None:
        levels = _map_tensors(perturb, levels)
    *before, last = pixel_heads(model.decode_head)
    scores = []
    for head in before:
        scores = [head(levels, *scores)]
    return classifier_input(last, levels, *scores)


def _map_tensors(function: Callable, nested):
    """Applies a function to tensors in nested lists.

    Some backbones return such lists, for example of map and class token.
    """
    if isinstance(nested, Tensor):
        return function(nested)
    return type(nested)(_map_tensors(function, part) for part in nested)


def uses_sigmoid(head: nn.Module) -> bool:
    """Whether a head has one sigmoid for each class instead of a softmax.

    True for a head of one channel (binary), and if all losses of the head
    that have the option set ``use_sigmoid``.

    Args:
        head (nn.Module): A ``BaseDecodeHead``.

    Returns:
        bool: False if the classes share a softmax.
    """
    if head.out_channels == 1:
        return True
    choices = [
        loss.use_sigmoid for loss in as_list(getattr(head, 'loss_decode', []))
        if hasattr(loss, 'use_sigmoid')
    ]
    return bool(choices) and all(choices)


def class_probabilities(head: nn.Module, scores: Tensor) -> Tensor:
    """Class probabilities, shape (N, num_classes, H, W).

    Args:
        head (nn.Module): A ``BaseDecodeHead``.
        scores (Tensor): Shape (N, out_channels, H, W).
    """
    if not uses_sigmoid(head):
        return scores.softmax(1)
    probabilities = scores.sigmoid()
    if scores.size(1) == 1:
        return torch.cat([1 - probabilities, probabilities], 1)
    return probabilities


def class_confidence(head: nn.Module,
                     scores: Tensor) -> Tuple[Tensor, Tensor]:
    """Predicted class of each pixel and its probability.

    As in training and inference of the head: softmax over the classes, one
    sigmoid per class (see :func:`uses_sigmoid`), or, with one channel, a
    sigmoid that means foreground above ``head.threshold`` (0.3 by default).

    Args:
        head (nn.Module): A ``BaseDecodeHead``.
        scores (Tensor): Logits, shape (N, out_channels, h, w).

    Returns:
        tuple[Tensor, Tensor]: Confidence, float32 in [0, 1], and label,
        int64, both of shape (N, h, w).
    """
    scores = scores.float()
    if not uses_sigmoid(head):
        return scores.softmax(1).max(1)
    if scores.size(1) > 1:
        # Sigmoids of high scores are all 1, so compare the scores.
        highest, labels = scores.max(1)
        return highest.sigmoid(), labels
    foreground = scores[:, 0].sigmoid()
    labels = foreground > head.threshold
    return torch.where(labels, foreground, 1 - foreground), labels.long()


def class_labels(head: nn.Module, scores: Tensor) -> Tensor:
    """Predicted class of each pixel, without its probability.

    Args:
        head (nn.Module): A ``BaseDecodeHead``.
        scores (Tensor): Shape (N, out_channels, h, w).

    Returns:
        Tensor: The labels of :func:`class_confidence`, int64, shape
        (N, h, w).
    """
    if scores.size(1) > 1:
        return scores.argmax(1)
    return class_confidence(head, scores)[1]


@torch.no_grad()
def confidence_and_pseudo_label(head: nn.Module, features: Tensor) -> tuple:
    """Highest class probability and its class (Eqs. 2 and 4).

    The dropout of the classifier is off, so that the predictions on all
    views come from the same classifier. No gradient reaches the classifier.

    Args:
        head (nn.Module): Head with ``cls_seg``.
        features (Tensor): Shape (N, channels, h, w).

    Returns:
        tuple[Tensor, Tensor]: See :func:`class_confidence`.
    """
    with dropout_off(head):
        return class_confidence(head, head.cls_seg(features))


@contextmanager
def dropout_off(head: nn.Module) -> Iterator[None]:
    """Context manager that switches off the dropout of ``cls_seg``.

    Args:
        head (nn.Module): A ``BaseDecodeHead``; its mode is restored.
    """
    dropout = getattr(head, 'dropout', None)
    was_training = dropout is not None and dropout.training
    if was_training:
        dropout.eval()
    try:
        yield
    finally:
        if was_training:
            dropout.train()
