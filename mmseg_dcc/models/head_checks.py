"""Checks of backbone and heads of a model with terms."""
import logging
from typing import Optional

from mmengine.logging import print_log
from mmengine.utils import is_installed
from mmseg.models.decode_heads.decode_head import BaseDecodeHead
from mmseg.registry import MODELS
from torch import nn

PIXEL_HEAD_REQUIRED = (
    'terms need a backbone and a head that classifies the feature of each '
    'pixel (a subclass of BaseDecodeHead such as DepthwiseSeparableASPPHead, '
    'PSPHead, FCNHead, UPerHead or SegformerHead). Heads that classify masks, '
    'queries or prompts do not work. Change model.decode_head.')


_PACKAGES = dict(mmpretrain='mmpretrain', mmcls='mmpretrain')
ONE_CLASS = (
    'model.decode_head.num_classes=1: with a single class every pixel '
    'belongs to it. The background is a class, too: to segment one object, '
    "with masks of 0 and 1, set num_classes=2 and metainfo.classes="
    "('background', 'object'); for one channel with a sigmoid also "
    'out_channels=1 and loss_decode=dict(use_sigmoid=True, ...).')


def check_head_types(decode_head: dict, backbone: Optional[dict]) -> None:
    """Checks before building that the heads classify pixels.

    Models with other heads may need further packages. Without these they
    fail to build with a less helpful message.

    Args:
        decode_head (dict | list[dict]): Config of one head or of a cascade.
        backbone (dict, optional): Config of the backbone.

    Raises:
        TypeError: If a head does not classify pixels, or there is no
            backbone.
    """
    for config in as_list(decode_head):
        head_class = config['type']
        if isinstance(head_class, str):
            head_class = MODELS.get(head_class)
        # The registry reports an unknown type when it builds the head.
        if head_class is not None and (backbone is None or not issubclass(
                head_class, BaseDecodeHead)):
            raise TypeError(
                f'{head_class.__name__} is not supported: '
                f'{PIXEL_HEAD_REQUIRED}')


def check_package_of_backbone(backbone: Optional[dict]) -> None:
    """Checks that the package of a backbone is imported.

    Args:
        backbone (dict, optional): Config of the backbone.

    Raises:
        ImportError: If the scope of its type is mmpretrain (or mmcls, the
            older name) and the type is not registered.
    """
    kind = (backbone or {}).get('type')
    if not isinstance(kind, str) or MODELS.get(kind) is not None:
        return
    scope = kind.split('.')[0]
    if scope not in _PACKAGES:
        return
    package = _PACKAGES[scope]
    raise ImportError(
        f'model.backbone.type={kind!r} belongs to the package {package}, '
        'which ' +
        ('is not installed: pip install mmpretrain torchvision, then '
         if not is_installed(package) else 'is installed, but not imported '
         'or without this backbone: ') +
        "add custom_imports=dict(imports=['mmpretrain.models'], "
        'allow_failed_imports=False) to the config and write the type as '
        "'mmpretrain.NAME' (docs/backbones.md).")


def check_heads(decode_head: nn.Module,
                auxiliary_head: Optional[nn.Module]) -> None:
    """Checks that all heads have the same classes and ignored id.

    An auxiliary head with more classes would train without an error, one
    with fewer classes would fail inside its loss.

    Args:
        decode_head (nn.Module): One head, or the list of a cascade.
        auxiliary_head (nn.Module, optional): One head or a list.

    Raises:
        ValueError: If the number of classes of a head differs from that of
            the last decode head, or the latter has a single class.
    """
    main = as_list(decode_head)[-1]
    # Depth heads have one output by design; pixel_heads rejects them.
    if main.num_classes == 1 and hasattr(main, 'conv_seg'):
        raise ValueError(ONE_CLASS)
    others = as_list(auxiliary_head) if auxiliary_head is not None else []
    for head in (*as_list(decode_head), *others):
        # Heads with another loss may have other targets than the masks.
        if getattr(type(head), 'loss_by_feat',
                   None) is not BaseDecodeHead.loss_by_feat:
            continue
        name = type(head).__name__
        if head.num_classes != main.num_classes:
            raise ValueError(
                f'{name} has num_classes={head.num_classes}, the decode head '
                f'{main.num_classes}. Set num_classes of model.decode_head '
                'and of every model.auxiliary_head to the classes of the '
                'data set.')
        if head.ignore_index != main.ignore_index:
            print_log(
                f'{name} has ignore_index={head.ignore_index}, the decode '
                f'head {main.ignore_index}: one of them is trained on pixels '
                'that the other ignores.',
                logger='current',
                level=logging.WARNING)


def as_list(heads) -> list:
    """List of a single head or of several heads."""
    return [*heads] if isinstance(heads, (list, nn.ModuleList)) else [heads]
