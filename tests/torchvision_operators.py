"""Makes torchvision importable whose compiled part is not for this torch.

Its Python part is all that mmpretrain needs, but it stops at operators that
are not registered.
"""
import os
import sys

import torch

# Stays alive, or its declarations are gone.
_TORCHVISION = torch.library.Library('torchvision', 'FRAGMENT')


def make_importable() -> None:
    """Finds it in MMPRETRAIN_SITE, if that is set, and declares them."""
    site = os.environ.get('MMPRETRAIN_SITE')
    if site and site not in sys.path:
        sys.path.append(site)
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in ('nms', 'qnms'):
            _TORCHVISION.define(
                f'{name}(Tensor boxes, Tensor scores, float iou) -> Tensor')
