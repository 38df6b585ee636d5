from .pseudo_mask_writer import PseudoMaskWriter

__all__ = ['PseudoMaskWriter']
