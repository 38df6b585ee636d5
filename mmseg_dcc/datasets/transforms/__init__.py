from .fast_colors import FastPhotoMetricDistortion, FastRandomGrayscale
from .non_empty_resize import NonEmptyResize
from .pack_paired_seg_inputs import PackPairedSegInputs
from .paired_random_crop import PairedRandomCrop
from .random_gaussian_blur import RandomGaussianBlur

__all__ = [
    'FastPhotoMetricDistortion', 'FastRandomGrayscale', 'NonEmptyResize',
    'PackPairedSegInputs', 'PairedRandomCrop', 'RandomGaussianBlur'
]
