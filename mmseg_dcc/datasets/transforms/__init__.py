from .fast_colors import FastPhotoMetricDistortion, FastRandomGrayscale
from .multi_view import MultiView
from .non_empty_resize import NonEmptyResize
from .pack_views import PackViews
from .paired_random_crop import PairedRandomCrop
from .random_gaussian_blur import RandomGaussianBlur
from .shared_random_crop import SharedRandomCrop

__all__ = [
    'FastPhotoMetricDistortion', 'FastRandomGrayscale', 'MultiView',
    'NonEmptyResize', 'PackViews', 'PairedRandomCrop', 'RandomGaussianBlur',
    'SharedRandomCrop'
]
