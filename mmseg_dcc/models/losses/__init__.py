from .adversarial_loss import one_hot_maps, realism_loss, trusted_mask
from .cross_pseudo_loss import cross_pseudo_loss
from .directional_contrastive_loss import (
    DirectionalContrastiveLoss,
    directional_contrastive_loss,
)
from .l2_consistency_loss import L2ConsistencyLoss
from .pixel_distance import pixel_distance
from .pseudo_label_loss import pseudo_label_loss
from .squared_consistency_loss import squared_consistency_loss

__all__ = [
    'DirectionalContrastiveLoss', 'L2ConsistencyLoss', 'cross_pseudo_loss',
    'directional_contrastive_loss', 'one_hot_maps', 'pixel_distance',
    'pseudo_label_loss', 'realism_loss', 'squared_consistency_loss',
    'trusted_mask'
]
