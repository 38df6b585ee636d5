from .adversarial_loss import one_hot_maps, realism_loss, trusted_mask
from .cross_pseudo_loss import cross_pseudo_loss
from .directional_contrastive_loss import (
    DirectionalContrastiveLoss,
    directional_contrastive_loss,
)
from .dynamic_consistency import (
    dynamic_consistency_loss,
    keeps_its_own,
)
from .flaw_correction import flaw_correction_loss
from .flaw_maps import flaw_target, handled_flaw_map
from .l2_consistency_loss import L2ConsistencyLoss
from .pseudo_label_loss import pseudo_label_loss

__all__ = [
    'DirectionalContrastiveLoss', 'L2ConsistencyLoss', 'cross_pseudo_loss',
    'directional_contrastive_loss', 'dynamic_consistency_loss',
    'flaw_correction_loss', 'flaw_target', 'handled_flaw_map',
    'keeps_its_own', 'one_hot_maps', 'pseudo_label_loss', 'realism_loss',
    'trusted_mask'
]
