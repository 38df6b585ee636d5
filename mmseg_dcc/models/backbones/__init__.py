from .dinov2 import DINOv2
from .efficientnet_lite import EfficientNetLite

__all__ = ['DINOv2', 'EfficientNetLite']
