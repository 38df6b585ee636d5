from .feature_memory_bank import FeatureMemoryBank
from .losses import DirectionalContrastiveLoss
from .mean_scores_tta_model import MeanScoresTTAModel
from .pixel_projector import PixelProjector
from .segmentors import (
    DCCSegmentor,
    MeanTeacherDCCSegmentor,
    SemiEncoderDecoder,
    WeakDCCSegmentor,
)
from .semi_data_preprocessor import SemiSegDataPreProcessor
from .teachers import Teachers

__all__ = [
    'DCCSegmentor', 'DirectionalContrastiveLoss', 'FeatureMemoryBank',
    'MeanScoresTTAModel', 'MeanTeacherDCCSegmentor', 'PixelProjector',
    'SemiEncoderDecoder', 'SemiSegDataPreProcessor', 'Teachers',
    'WeakDCCSegmentor'
]
