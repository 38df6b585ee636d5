"""CamVid data set in the 11 classes of SegNet."""
from mmseg.registry import DATASETS

from .voc_layout import VOCLayoutDataset


@DATASETS.register_module()
class CamVidDataset(VOCLayoutDataset):
    """Data set of CamVid street scenes: 11 classes, layout of PASCAL VOC.

    The classes and their ids are those of SegNet (Badrinarayanan et al.,
    2017), who merged the 32 labels of CamVid (Brostow et al., 2009); 255 is
    void. The colours are those of the original label of each class, for
    Pavement that of CamVid's "Sidewalk". The usual parts have 367 (train),
    101 (val) and 233 (test) images of 480 x 360 pixels.

    ``tools/dataset_tools/convert_camvid.py`` creates the layout. With its
    option ``--keep-png``, set ``img_suffix='.png'`` here.

    Args:
        **kwargs: See :class:`VOCLayoutDataset`.

    Examples:
        >>> labeled_dataset = dict(
        ...     type='CamVidDataset', data_root='data/camvid',
        ...     ann_file='ImageSets/Segmentation/train.txt',
        ...     pipeline=labeled_pipeline)
    """

    METAINFO = dict(
        classes=('Sky', 'Building', 'Pole', 'Road', 'Pavement', 'Tree',
                 'SignSymbol', 'Fence', 'Car', 'Pedestrian', 'Bicyclist'),
        palette=[[128, 128, 128], [128, 0, 0], [192, 192, 128],
                 [128, 64, 128], [0, 0, 192], [128, 128, 0], [192, 128, 128],
                 [64, 64, 128], [64, 0, 128], [64, 64, 0], [0, 128, 192]])
