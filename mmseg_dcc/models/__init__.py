from .feature_memory_bank import FeatureMemoryBank
from .losses import DirectionalContrastiveLoss
from .pixel_projector import PixelProjector
from .segmentors import (
    DCCSegmentor,
    MeanTeacherDCCSegmentor,
    SemiEncoderDecoder,
    WeakDCCSegmentor,
)
from .semi_data_preprocessor import SemiSegDataPreProcessor

__all__ = [
    'DCCSegmentor', 'DirectionalContrastiveLoss', 'FeatureMemoryBank',
    'MeanTeacherDCCSegmentor', 'PixelProjector', 'SemiEncoderDecoder',
    'SemiSegDataPreProcessor', 'WeakDCCSegmentor'
]
