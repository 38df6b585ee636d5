from .adversarial_loss import one_hot_maps, realism_loss, trusted_mask
from .class_contrast import class_contrast_loss
from .cross_pseudo_loss import cross_pseudo_loss
from .directional_contrastive_loss import (
    DirectionalContrastiveLoss,
    directional_contrastive_loss,
)
from .dynamic_consistency import dynamic_consistency_loss, no_worse_mask
from .entropy_filtered_loss import entropy_filtered_loss
from .error_correction_loss import (
    corrected_label_loss,
    corrected_labels,
    correction_targets,
    corrector_loss,
    match_loss,
)
from .feature_matching_loss import feature_matching_loss
from .flaw_correction import flaw_correction_loss
from .flaw_maps import flaw_target, normalised_flaw_map
from .l2_consistency_loss import L2ConsistencyLoss
from .pixel_distance import pixel_distance
from .pseudo_label_loss import pseudo_label_loss
from .squared_consistency_loss import squared_consistency_loss

__all__ = [
    'DirectionalContrastiveLoss', 'L2ConsistencyLoss', 'class_contrast_loss',
    'corrected_label_loss', 'corrected_labels', 'correction_targets',
    'corrector_loss', 'cross_pseudo_loss', 'directional_contrastive_loss',
    'dynamic_consistency_loss', 'entropy_filtered_loss',
    'feature_matching_loss', 'flaw_correction_loss', 'flaw_target',
    'normalised_flaw_map', 'no_worse_mask', 'match_loss', 'one_hot_maps',
    'pixel_distance', 'pseudo_label_loss', 'realism_loss',
    'squared_consistency_loss', 'trusted_mask'
]
