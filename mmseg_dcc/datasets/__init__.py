from .camvid import CamVidDataset
from .multi_source_sampler import MultiSourceSampler
from .transforms import (
    PackPairedSegInputs,
    PairedRandomCrop,
    RandomGaussianBlur,
)
from .unlabeled_dataset import UnlabeledDataset

__all__ = [
    'CamVidDataset', 'MultiSourceSampler', 'PackPairedSegInputs',
    'PairedRandomCrop', 'RandomGaussianBlur', 'UnlabeledDataset'
]
