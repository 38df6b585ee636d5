from .dcc_segmentor import DCCSegmentor
from .semi_encoder_decoder import SemiEncoderDecoder
from .weak_dcc_segmentor import WeakDCCSegmentor

__all__ = ['DCCSegmentor', 'SemiEncoderDecoder', 'WeakDCCSegmentor']
