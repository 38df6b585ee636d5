from .dcc_segmentor import DCCSegmentor
from .semi_encoder_decoder import SemiEncoderDecoder

__all__ = ['DCCSegmentor', 'SemiEncoderDecoder']
