"""Base class of data sets in the file layout of PASCAL VOC."""
from typing import Optional

from mmseg.datasets import BaseSegDataset

from .ids_in_masks import IdsInMasks


class VOCLayoutDataset(IdsInMasks, BaseSegDataset):
    """Base class of data sets with the layout of PASCAL VOC, not its classes.

    A subclass has ``METAINFO`` with the classes and their colours. The
    converters in ``tools/dataset_tools`` create this layout::

        <data_root>
        |-- JPEGImages/*.jpg
        |-- SegmentationClass/*.png
        `-- ImageSets/Segmentation/{train,val,...}.txt

    Args:
        ann_file (str): List of stems, relative to ``data_root``, such as
            ``ImageSets/Segmentation/train.txt``. Defaults to '': every image
            of the image folder.
        img_suffix (str): Suffix of the images. Defaults to '.jpg', which
            the converters write.
        seg_map_suffix (str): Suffix of the label maps, in which 255 is
            ignored. Defaults to '.png'.
        data_prefix (dict, optional): Folders ``img_path`` of the images and
            ``seg_map_path`` of the label maps, relative to ``data_root``.
            Defaults to None: the folders of the layout above.
        **kwargs: Other arguments of :class:`mmseg.datasets.BaseSegDataset`.
    """

    def __init__(self,
                 ann_file: str = '',
                 img_suffix: str = '.jpg',
                 seg_map_suffix: str = '.png',
                 data_prefix: Optional[dict] = None,
                 **kwargs) -> None:
        if data_prefix is None:
            data_prefix = dict(
                img_path='JPEGImages', seg_map_path='SegmentationClass')
        super().__init__(
            ann_file=ann_file,
            img_suffix=img_suffix,
            seg_map_suffix=seg_map_suffix,
            data_prefix=data_prefix,
            **kwargs)
