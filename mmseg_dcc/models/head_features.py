"""Features and class scores of any decode head that ends in ``cls_seg``."""
from contextlib import contextmanager
from typing import Callable, Iterator, List, Optional, Tuple

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn

from .head_checks import PIXEL_HEAD_REQUIRED, as_list


def pixel_heads(decode_head: nn.Module) -> List[nn.Module]:
    """The heads to run in turn, the last of which classifies every pixel.

    These are all heads of a model, with two exceptions. K-Net refines the
    masks of the head that generates its kernels, PointRend at some points
    the scores of the head before its point head. In both the terms take the
    head that is refined: it sees every pixel and has a loss of its own.

    Args:
        decode_head (nn.Module): One head, or the list of a cascade.

    Raises:
        TypeError: If there is none, with the name of the head.
    """
    heads = [
        getattr(head, 'kernel_generate_head', head)
        for head in as_list(decode_head)
    ]
    name = type(heads[-1]).__name__
    # Heads of another kind delete the classifier of BaseDecodeHead.
    while heads and not (isinstance(heads[-1], BaseDecodeHead)
                         and hasattr(heads[-1], 'conv_seg')):
        heads.pop()
    if not heads:
        raise TypeError(f'{name} is refused: {PIXEL_HEAD_REQUIRED}')
    return heads


@contextmanager
def recorded_classifier(
        head: nn.Module,
        keep_scores: bool = True) -> Iterator[List[Tuple[Tensor, Tensor]]]:
    """Records what enters and what leaves ``head.cls_seg``.

    Args:
        head (nn.Module): A head that calls ``self.cls_seg``.
        keep_scores (bool): Whether the scores carry a gradient. False where
            they are of no use, which spares their graph. Defaults to True.

    Yields:
        list[tuple[Tensor, Tensor]]: Features, before the dropout that
        ``cls_seg`` applies, and scores of each call so far.
    """
    recorded: List[Tuple[Tensor, Tensor]] = []

    def record(features: Tensor) -> Tensor:
        with torch.set_grad_enabled(keep_scores and torch.is_grad_enabled()):
            scores = type(head).cls_seg(head, features)
        recorded.append((features, scores))
        return scores

    # The instance attribute hides the method of the class.
    head.cls_seg = record
    try:
        yield recorded
    finally:
        del head.cls_seg


# The method that is swapped for a moment would be compiled at each call.
@torch.compiler.disable
def classifier_input(head: nn.Module, *head_inputs) -> Tensor:
    """Runs a head and returns what entered its ``cls_seg``.

    These are the encoder features f of Fig. 4: everything but the final
    classifier, before the dropout that ``cls_seg`` applies.

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
            'times with a feature map, a term needs exactly one call. Use '
            'another model.decode_head.')
    return recorded[0][0]


def encoder_features(
        model: nn.Module,
        images: Tensor,
        perturb: Optional[Callable[[Tensor], Tensor]] = None) -> Tensor:
    """f = E(x) of Fig. 4: what enters the final classifier.

    Args:
        model (nn.Module): Any segmentor with such a classifier, stock or
            ours.
        images (Tensor): Shape (N, channels, H, W).
        perturb (Callable, optional): Applied to each feature map of backbone
            and neck, such as a dropout of channels. Defaults to None.

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
    """Some backbones give lists of lists (map and class token)."""
    if isinstance(nested, Tensor):
        return function(nested)
    return type(nested)(_map_tensors(function, part) for part in nested)


def uses_sigmoid(head: nn.Module) -> bool:
    """Whether each class of a head has a probability of its own.

    So it is with one channel (binary), and where all losses of the head that
    know the choice say ``use_sigmoid``.

    Args:
        head (nn.Module): A ``BaseDecodeHead``.

    Returns:
        bool: False: the classes share a softmax.
    """
    if head.out_channels == 1:
        return True
    choices = [
        loss.use_sigmoid for loss in as_list(getattr(head, 'loss_decode', []))
        if hasattr(loss, 'use_sigmoid')
    ]
    return bool(choices) and all(choices)


def class_probabilities(head: nn.Module, scores: Tensor) -> Tensor:
    """Probability of each class, shape (N, num_classes, H, W).

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

    As the head is trained and tested: a softmax over the classes, a sigmoid
    of each (see :func:`uses_sigmoid`), or, of one channel, a sigmoid that is
    foreground above ``head.threshold`` (0.3 unless configured).

    Args:
        head (nn.Module): A ``BaseDecodeHead``.
        scores (Tensor): Before softmax or sigmoid, shape
            (N, out_channels, h, w).

    Returns:
        tuple[Tensor, Tensor]: Confidence, float32 in [0, 1], and label,
        int64, both of shape (N, h, w).
    """
    scores = scores.float()
    if not uses_sigmoid(head):
        return scores.softmax(1).max(1)
    if scores.size(1) > 1:
        # Sigmoids of high scores are all 1: the scores decide.
        highest, labels = scores.max(1)
        return highest.sigmoid(), labels
    foreground = scores[:, 0].sigmoid()
    labels = foreground > head.threshold
    return torch.where(labels, foreground, 1 - foreground), labels.long()


def class_labels(head: nn.Module, scores: Tensor) -> Tensor:
    """Predicted class of each pixel, where its probability is of no use.

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

    The dropout of the classifier is off: all views are judged by the same
    classifier. No gradient reaches the classifier.

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
    """Switches the dropout of a head's ``cls_seg`` off for a while.

    Args:
        head (nn.Module): A ``BaseDecodeHead``; its mode is put back.
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
