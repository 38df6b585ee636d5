"""Sources and sizes of public data sets."""

VOC_LISTS_FOLDER = 'ImageSets/Segmentation'
"""Folder of the lists in the VOC layout, relative to the data root."""

VOC_TRAIN_AUG_COUNT = 10582
"""Images in (VOC2012 train + SBD train + SBD val) - VOC2012 val."""

VOC_DOWNLOAD_HINT = (
    'Download VOCtrainval_11-May-2012.tar from '
    'http://host.robots.ox.ac.uk/pascal/VOC/voc2012/ and unpack it so that '
    'data/VOCdevkit/VOC2012/JPEGImages exists, or pass the folder you have '
    'with --data-root.')

CITYSCAPES_DOWNLOAD_HINT = (
    'Register at https://www.cityscapes-dataset.com, download '
    'leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip and unpack '
    'both into data/cityscapes, or pass the folder you have with '
    '--data-root.')
