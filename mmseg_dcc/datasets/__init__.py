from .camvid import CamVidDataset
from .folder_seg_dataset import FolderSegDataset
from .multi_source_sampler import MultiSourceSampler
from .transforms import (
    FastPhotoMetricDistortion,
    FastRandomGrayscale,
    NonEmptyResize,
    PackPairedSegInputs,
    PairedRandomCrop,
    RandomGaussianBlur,
)
from .unlabeled_dataset import UnlabeledDataset

__all__ = [
    'CamVidDataset', 'FastPhotoMetricDistortion', 'FastRandomGrayscale',
    'FolderSegDataset', 'MultiSourceSampler', 'NonEmptyResize',
    'PackPairedSegInputs', 'PairedRandomCrop', 'RandomGaussianBlur',
    'UnlabeledDataset'
]
