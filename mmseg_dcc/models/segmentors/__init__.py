from .dcc_segmentor import DCCSegmentor
from .mean_teacher_dcc_segmentor import MeanTeacherDCCSegmentor
from .semi_encoder_decoder import SemiEncoderDecoder
from .weak_dcc_segmentor import WeakDCCSegmentor

__all__ = [
    'DCCSegmentor', 'MeanTeacherDCCSegmentor', 'SemiEncoderDecoder',
    'WeakDCCSegmentor'
]
