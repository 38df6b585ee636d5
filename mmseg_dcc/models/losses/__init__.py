from .directional_contrastive_loss import (
    DirectionalContrastiveLoss,
    directional_contrastive_loss,
)
from .l2_consistency_loss import L2ConsistencyLoss

__all__ = [
    'DirectionalContrastiveLoss', 'L2ConsistencyLoss',
    'directional_contrastive_loss'
]
