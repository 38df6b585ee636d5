from .plain_deeplab_v3plus_head import PlainDeepLabV3PlusHead

__all__ = ['PlainDeepLabV3PlusHead']
