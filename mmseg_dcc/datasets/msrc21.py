"""MSRC-v2 data set in its usual 21 classes."""
from mmseg.registry import DATASETS

from .voc_layout import VOCLayoutDataset


@DATASETS.register_module()
class MSRC21Dataset(VOCLayoutDataset):
    """Data set of MSRC-21 objects and landscapes, layout of PASCAL VOC.

    The 591 photographs of MSRC-v2 (Shotton et al., ECCV 2006), mostly of 320
    x 213 pixels. There is no background class: pixels outside of the 21
    classes are void (255). So are horse and mountain, as the authors
    recommend, since there are too few of them. The masks are coarse and leave
    a wide seam of void along object borders. The colours are those of
    MSRC-v2. Commercial use is not allowed.

    ``tools/dataset_tools/convert_msrc21.py`` creates the layout.

    Args:
        **kwargs: See :class:`VOCLayoutDataset`.

    Examples:
        >>> labeled_dataset = dict(
        ...     type='MSRC21Dataset', data_root='data/msrc21',
        ...     ann_file='ImageSets/Segmentation/train.txt',
        ...     pipeline=labeled_pipeline)
    """

    METAINFO = dict(
        classes=('building', 'grass', 'tree', 'cow', 'sheep', 'sky',
                 'aeroplane', 'water', 'face', 'car', 'bicycle', 'flower',
                 'sign', 'bird', 'book', 'chair', 'road', 'cat', 'dog', 'body',
                 'boat'),
        palette=[[128, 0, 0], [0, 128, 0], [128, 128, 0], [0, 0, 128],
                 [0, 128, 128], [128, 128, 128], [192, 0, 0], [64, 128, 0],
                 [192, 128, 0], [64, 0, 128], [192, 0, 128], [64, 128, 128],
                 [192, 128, 128], [0, 64, 0], [128, 64, 0], [0, 192, 0],
                 [128, 64, 128], [0, 192, 128], [128, 192, 128], [64, 64, 0],
                 [192, 64, 0]])
