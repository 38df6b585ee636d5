from .dinov2_dpt_head import DINOv2DPTHead

__all__ = ['DINOv2DPTHead']
