from .directional_contrastive_loss import (
    DirectionalContrastiveLoss,
    directional_contrastive_loss,
)
from .l2_consistency_loss import L2ConsistencyLoss
from .pseudo_label_loss import pseudo_label_loss

__all__ = [
    'DirectionalContrastiveLoss', 'L2ConsistencyLoss',
    'directional_contrastive_loss', 'pseudo_label_loss'
]
