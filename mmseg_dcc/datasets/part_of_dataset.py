"""Labeled images that are held out, of a data set of any type."""
import os.path as osp

from mmengine.dataset import BaseDataset
from mmseg.registry import DATASETS

from .folder_seg_dataset import draw_of_name


@DATASETS.register_module(name='PartOfDataset')
def part_of_dataset(dataset: dict,
                    part: str,
                    val_share: float = 0.05) -> BaseDataset:
    """One of the two parts of a data set, drawn by the names of the images.

    What ``part`` and ``val_share`` are to :class:`FolderSegDataset`, for data
    sets with lists, of any type. Builds the data set with fewer images; there
    is no wrapper. The parts are the same in every run.

    Args:
        dataset (dict): Config of the data set.
        part (str): 'train' or 'val'.
        val_share (float): Share of the images in the part 'val', at least
            one image, in (0, 1). Defaults to 0.05.

    Returns:
        BaseDataset: Of the type that ``dataset`` names.

    Raises:
        ValueError: If an argument is out of its range or there is only one
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
            f"{dataset['type']}. Label more, or name other images.")
    order = sorted(range(len(names)), key=lambda i: draw_of_name(names[i]))
    count = min(max(round(val_share * len(names)), 1), len(names) - 1)
    chosen = order[:count] if part == 'val' else order[count:]
    return whole.get_subset(sorted(chosen))
