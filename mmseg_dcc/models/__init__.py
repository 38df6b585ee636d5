from .discriminators import FullyConvDiscriminator, ImageDiscriminator
from .feature_memory_bank import FeatureMemoryBank
from .losses import DirectionalContrastiveLoss, L2ConsistencyLoss
from .mean_scores_tta_model import MeanScoresTTAModel
from .pixel_projector import PixelProjector
from .segmentors import DCCSegmentor, SemiEncoderDecoder
from .semi_data_preprocessor import SemiSegDataPreProcessor
from .teachers import Teachers
from .terms import (
    Adversarial,
    CrossPseudo,
    DirectionalContrast,
    ErrorCorrection,
    FeatureMatching,
    PseudoLabels,
    WeakLabels,
)

__all__ = [
    'Adversarial', 'CrossPseudo', 'DCCSegmentor', 'DirectionalContrast',
    'DirectionalContrastiveLoss', 'ErrorCorrection', 'FeatureMatching',
    'FeatureMemoryBank', 'FullyConvDiscriminator', 'ImageDiscriminator',
    'L2ConsistencyLoss', 'MeanScoresTTAModel', 'PixelProjector',
    'PseudoLabels', 'SemiEncoderDecoder', 'SemiSegDataPreProcessor',
    'Teachers', 'WeakLabels'
]
