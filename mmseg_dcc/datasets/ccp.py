"""Clothing Co-Parsing (CCP) data set in 12 classes."""
from mmseg.registry import DATASETS

from .voc_layout import VOCLayoutDataset


@DATASETS.register_module()
class CCPDataset(VOCLayoutDataset):
    """Data set of CCP street fashion: 12 classes, layout of PASCAL VOC.

    Clothing Co-Parsing (Yang, Luo and Lin, CVPR 2014) has 2,098 photographs
    of one person each, 550 pixels wide, of which 1,004 have masks and 1,094
    never had one. Many of its 59 labels occur in only a handful of images;
    they are merged into 12 classes here, see
    :data:`mmseg_dcc.apis.convert_ccp.LABELS_OF_CLASSES`. Background is a
    class (0), and every pixel has a class.

    ``tools/dataset_tools/convert_ccp.py`` creates the layout. Its list
    ``unlabeled.txt`` names the photographs without masks.

    Args:
        **kwargs: See :class:`VOCLayoutDataset`.

    Examples:
        >>> labeled_dataset = dict(
        ...     type='CCPDataset', data_root='data/ccp',
        ...     ann_file='ImageSets/Segmentation/train.txt',
        ...     pipeline=labeled_pipeline)
    """

    METAINFO = dict(
        classes=('background', 'hair', 'skin', 'top', 'outer', 'dress',
                 'skirt', 'trousers', 'legwear', 'shoes', 'bag', 'accessory'),
        palette=[[0, 0, 0], [128, 64, 0], [255, 204, 153], [220, 20, 60],
                 [0, 0, 142], [148, 0, 211], [255, 105, 180], [0, 128, 128],
                 [255, 255, 0], [128, 128, 0], [0, 200, 0], [255, 140, 0]])
