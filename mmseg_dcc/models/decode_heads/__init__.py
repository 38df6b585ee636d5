from .dinov2_dpt_head import DINOv2DPTHead
from .plain_deeplab_v3plus_head import PlainDeepLabV3PlusHead

__all__ = ['DINOv2DPTHead', 'PlainDeepLabV3PlusHead']
