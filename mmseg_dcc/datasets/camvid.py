"""CamVid in the 11-class form of SegNet."""
from typing import Optional

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS

from .ids_in_masks import IdsInMasks


@DATASETS.register_module()
class CamVidDataset(IdsInMasks, BaseSegDataset):
    """CamVid street scenes, 11 classes, in the layout of PASCAL VOC.

    The classes and their ids are those of SegNet (Badrinarayanan et al.,
    2017), who merged the 32 labels of CamVid (Brostow et al., 2009); 255 is
    void. The colours are those of the original label of each class, for
    Pavement that of CamVid's "Sidewalk". The usual parts have 367 (train),
    101 (val) and 233 (test) images of 480 x 360 pixels.

    ``tools/dataset_tools/convert_camvid.py`` makes this layout::

        data/camvid
        |-- JPEGImages/*.jpg
        |-- SegmentationClass/*.png
        `-- ImageSets/Segmentation/{train,val,test}.txt

    Args:
        ann_file (str): List of stems, relative to ``data_root``, such as
            ``ImageSets/Segmentation/train.txt``. Defaults to '', which takes
            every image of the image folder.
        img_suffix (str): Suffix of the images. Defaults to '.jpg', as the
            converter writes them ('.png' if run with ``--keep-png``).
        seg_map_suffix (str): Suffix of the label maps. Defaults to '.png'.
        data_prefix (dict, optional): Folders ``img_path`` of the images and
            ``seg_map_path`` of the label maps, relative to ``data_root``.
            Defaults to None, which stands for those of the layout above.
        **kwargs: Other arguments of :class:`mmseg.datasets.BaseSegDataset`.
    """

    METAINFO = dict(
        classes=('Sky', 'Building', 'Pole', 'Road', 'Pavement', 'Tree',
                 'SignSymbol', 'Fence', 'Car', 'Pedestrian', 'Bicyclist'),
        palette=[[128, 128, 128], [128, 0, 0], [192, 192, 128],
                 [128, 64, 128], [0, 0, 192], [128, 128, 0], [192, 128, 128],
                 [64, 64, 128], [64, 0, 128], [64, 64, 0], [0, 128, 192]])

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
