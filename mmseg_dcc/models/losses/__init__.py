from .directional_contrastive_loss import (
    DirectionalContrastiveLoss,
    directional_contrastive_loss,
)

__all__ = ['DirectionalContrastiveLoss', 'directional_contrastive_loss']
