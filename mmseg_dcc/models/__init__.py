from .discriminators import FullyConvDiscriminator
from .feature_memory_bank import FeatureMemoryBank
from .losses import DirectionalContrastiveLoss, L2ConsistencyLoss
from .mean_scores_tta_model import MeanScoresTTAModel
from .pixel_projector import PixelProjector
from .representation_head import RepresentationHead
from .segmentors import DCCSegmentor, SemiEncoderDecoder
from .semi_data_preprocessor import SemiSegDataPreProcessor
from .teachers import Teachers
from .terms import (
    Adversarial,
    CrossPseudo,
    DirectionalContrast,
    PseudoLabels,
    UnreliablePseudoLabels,
    WeakLabels,
)

__all__ = [
    'Adversarial', 'CrossPseudo', 'DCCSegmentor', 'DirectionalContrast',
    'DirectionalContrastiveLoss', 'FeatureMemoryBank',
    'FullyConvDiscriminator', 'L2ConsistencyLoss', 'MeanScoresTTAModel',
    'PixelProjector', 'PseudoLabels', 'RepresentationHead',
    'SemiEncoderDecoder', 'SemiSegDataPreProcessor', 'Teachers',
    'UnreliablePseudoLabels', 'WeakLabels'
]
