from .camvid import CamVidDataset
from .folder_seg_dataset import FolderSegDataset
from .multi_source_sampler import MultiSourceSampler
from .transforms import (
    FastPhotoMetricDistortion,
    FastRandomGrayscale,
    MultiView,
    NonEmptyResize,
    PackViews,
    PairedRandomCrop,
    RandomGaussianBlur,
    SharedRandomCrop,
)
from .unlabeled_dataset import UnlabeledDataset

__all__ = [
    'CamVidDataset', 'FastPhotoMetricDistortion', 'FastRandomGrayscale',
    'FolderSegDataset', 'MultiSourceSampler', 'MultiView', 'NonEmptyResize',
    'PackViews', 'PairedRandomCrop', 'RandomGaussianBlur', 'SharedRandomCrop',
    'UnlabeledDataset'
]
