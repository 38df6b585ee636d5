from .discriminators import FullyConvDiscriminator
from .feature_memory_bank import FeatureMemoryBank
from .losses import DirectionalContrastiveLoss, L2ConsistencyLoss
from .pixel_projector import PixelProjector
from .segmentors import DCCSegmentor, SemiEncoderDecoder
from .semi_data_preprocessor import SemiSegDataPreProcessor
from .terms import (
    Adversarial,
    CrossPseudo,
    DirectionalContrast,
    PseudoLabels,
    WeakLabels,
)

__all__ = [
    'Adversarial', 'CrossPseudo', 'DCCSegmentor', 'DirectionalContrast',
    'DirectionalContrastiveLoss', 'FeatureMemoryBank',
    'FullyConvDiscriminator', 'L2ConsistencyLoss', 'PixelProjector',
    'PseudoLabels', 'SemiEncoderDecoder', 'SemiSegDataPreProcessor',
    'WeakLabels'
]
