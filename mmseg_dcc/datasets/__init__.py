from .camvid import CamVidDataset
from .ccp import CCPDataset
from .class_balanced_dataset import ClassBalancedDataset
from .folder_seg_dataset import FolderSegDataset
from .msrc21 import MSRC21Dataset
from .multi_source_batch_sampler import MultiSourceBatchSampler
from .part_of_dataset import part_of_dataset
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
    'CCPDataset', 'CamVidDataset', 'ClassBalancedDataset',
    'FastPhotoMetricDistortion', 'FastRandomGrayscale', 'FolderSegDataset',
    'MSRC21Dataset', 'MultiSourceBatchSampler', 'MultiView', 'NonEmptyResize',
    'PackViews', 'PairedRandomCrop', 'RandomGaussianBlur', 'SharedRandomCrop',
    'UnlabeledDataset', 'part_of_dataset'
]
