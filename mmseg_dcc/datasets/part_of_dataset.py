"""Labeled images that are held out from a data set of any type."""
import os.path as osp

from mmengine.dataset import BaseDataset
from mmseg.registry import DATASETS

from .folder_seg_dataset import draw_of_name


@DATASETS.register_module(name='PartOfDataset')
def part_of_dataset(dataset: dict,
                    part: str,
                    val_share: float = 0.05) -> BaseDataset:
    """Part of a data set for training or validation, by the image names.

    ``part`` and ``val_share`` work as in :class:`FolderSegDataset`, for data
    sets of any type with lists. The result is a data set with fewer images,
    not a wrapper. The parts are the same in every run.

    Args:
        dataset (dict): Config of the data set.
        part (str): 'train' or 'val'.
        val_share (float): Share of the images in the part 'val', at least
            one image, in (0, 1). Defaults to 0.05.

    Returns:
        BaseDataset: Data set of the type given in ``dataset``.

    Raises:
        ValueError: If an argument is out of range or there is only one
            image.

    Examples:
        >>> labeled_dataset = dict(
        ...     type='PartOfDataset', part='train',
        ...     dataset=dict(type='PascalVOCDataset', pipeline=[], ...))
    """
    if part not in ('train', 'val') or not 0 < val_share < 1:
        raise ValueError(
            "PartOfDataset needs part='train' or 'val' and val_share between "
            f'0 and 1, got {part!r} and {val_share}.')
    whole = DATASETS.build(dataset)
    whole.full_init()
    names = [
        osp.basename(whole.get_data_info(index)['img_path'])
        for index in range(len(whole))
    ]
    if len(names) < 2:
        raise ValueError(
            f'PartOfDataset cannot divide {len(names)} image(s) of '
            f"{dataset['type']}. Label more images, or change the list or "
            'folder of the data set.')
    order = sorted(range(len(names)), key=lambda i: draw_of_name(names[i]))
    count = min(max(round(val_share * len(names)), 1), len(names) - 1)
    chosen = order[:count] if part == 'val' else order[count:]
    return whole.get_subset(sorted(chosen))
