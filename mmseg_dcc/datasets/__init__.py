from .camvid import CamVidDataset
from .folder_seg_dataset import FolderSegDataset
from .multi_source_batch_sampler import MultiSourceBatchSampler
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
    'FolderSegDataset', 'MultiSourceBatchSampler', 'NonEmptyResize',
    'PackPairedSegInputs', 'PairedRandomCrop', 'RandomGaussianBlur',
    'UnlabeledDataset'
]
