from .auxiliary_decoders import AuxiliaryDecoder
from .backbones import DINOv2, EfficientNetLite
from .decode_heads import DINOv2DPTHead, PlainDeepLabV3PlusHead
from .discriminators import FullyConvDiscriminator, ImageDiscriminator
from .feature_memory_bank import FeatureMemoryBank
from .flaw_detector import FlawDetector
from .losses import DirectionalContrastiveLoss, L2ConsistencyLoss
from .mean_scores_tta_model import MeanScoresTTAModel
from .pixel_projector import PixelProjector
from .representation_head import RepresentationHead
from .segmentors import DCCSegmentor, SemiEncoderDecoder
from .semi_data_preprocessor import SemiSegDataPreProcessor
from .teachers import Teachers
from .terms import (
    Adversarial,
    CrossConsistency,
    CrossPseudo,
    DirectionalContrast,
    ErrorCorrection,
    FeatureMatching,
    GuidedCollaboration,
    PseudoLabels,
    SquaredConsistency,
    UnreliablePseudoLabels,
    WeakLabels,
)

__all__ = [
    'Adversarial', 'AuxiliaryDecoder', 'CrossConsistency', 'CrossPseudo',
    'DCCSegmentor', 'DINOv2', 'DINOv2DPTHead', 'DirectionalContrast',
    'DirectionalContrastiveLoss', 'EfficientNetLite', 'ErrorCorrection',
    'FeatureMatching',
    'FeatureMemoryBank', 'FlawDetector', 'FullyConvDiscriminator',
    'GuidedCollaboration', 'ImageDiscriminator', 'L2ConsistencyLoss',
    'MeanScoresTTAModel', 'PixelProjector', 'PlainDeepLabV3PlusHead',
    'PseudoLabels', 'RepresentationHead', 'SemiEncoderDecoder',
    'SemiSegDataPreProcessor', 'SquaredConsistency', 'Teachers',
    'UnreliablePseudoLabels', 'WeakLabels'
]
