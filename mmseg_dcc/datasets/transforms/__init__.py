from .fast_colors import FastPhotoMetricDistortion, FastRandomGrayscale
from .pack_paired_seg_inputs import PackPairedSegInputs
from .paired_random_crop import PairedRandomCrop
from .random_gaussian_blur import RandomGaussianBlur

__all__ = [
    'FastPhotoMetricDistortion', 'FastRandomGrayscale', 'PackPairedSegInputs',
    'PairedRandomCrop', 'RandomGaussianBlur'
]
