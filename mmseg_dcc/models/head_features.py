"""Features and class scores of any decode head that ends in ``cls_seg``."""
from contextlib import contextmanager
from typing import List

import torch
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from torch import Tensor, nn


def check_has_classifier(head: nn.Module) -> None:
    """Refuses a head whose last step is not ``cls_seg``.

    Raises:
        TypeError: With the name of the head and what to use instead.
    """
    if not isinstance(head, BaseDecodeHead) or not hasattr(head, 'cls_seg'):
        raise TypeError(
            f'{type(head).__name__} has no cls_seg: DCC needs a decode head '
            'whose last step classifies one feature a pixel (a subclass of '
            'BaseDecodeHead such as DepthwiseSeparableASPPHead, PSPHead, '
            'FCNHead, UPerHead or SegformerHead). Heads that classify masks '
            'or queries do not work; change model.decode_head.')


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
    with _recording(head) as recorded:
        head(*head_inputs)
    if len(recorded) != 1 or recorded[0].dim() != 4:
        raise RuntimeError(
            f'{type(head).__name__}.forward called cls_seg {len(recorded)} '
            'times with a feature map, DCC needs exactly one call. Use '
            'another model.decode_head.')
    return recorded[0]


@contextmanager
def _recording(head: nn.Module):
    """Records what ``head.cls_seg`` gets while the context is open.

    The instance attribute hides the method of the class. What the head does
    with the scores afterwards is of no use here, so they carry no gradient.
    """
    recorded: List[Tensor] = []

    def record(features: Tensor) -> Tensor:
        recorded.append(features)
        with torch.no_grad():
            return type(head).cls_seg(head, features)

    head.cls_seg = record
    try:
        yield recorded
    finally:
        del head.cls_seg


@torch.no_grad()
def confidence_and_pseudo_label(head: nn.Module, features: Tensor) -> tuple:
    """Highest class probability and its class (Eqs. 2 and 4).

    The dropout of the classifier is off: both crops are judged by the same
    classifier. No gradient reaches the classifier.

    Args:
        head (nn.Module): Head with ``cls_seg``.
        features (Tensor): Shape (N, channels, h, w).

    Returns:
        tuple[Tensor, Tensor]: Confidence in [0, 1] and pseudo label, both of
        shape (N, h, w). A head with one output channel (binary, sigmoid) is
        read as two classes.
    """
    with _dropout_off(head):
        scores = head.cls_seg(features).float()
    if scores.size(1) == 1:  # sigmoid(s) is softmax over (0, s)
        scores = torch.cat([torch.zeros_like(scores), scores], 1)
    return scores.softmax(1).max(1)


@contextmanager
def _dropout_off(head: nn.Module):
    dropout = getattr(head, 'dropout', None)
    was_training = dropout is not None and dropout.training
    if was_training:
        dropout.eval()
    try:
        yield
    finally:
        if was_training:
            dropout.train()
