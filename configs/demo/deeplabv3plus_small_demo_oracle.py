# Upper bound: all training images with their masks.
_base_ = './deeplabv3plus_small_demo_supervised.py'
labeled_dataset = dict(
    _base_.labeled_dataset,
    ann_file='ImageSets/Segmentation/train_aug.txt',
    data_prefix=dict(
        img_path='JPEGImages', seg_map_path='SegmentationClassAug'))
train_dataloader = dict(dataset=dict(datasets=[labeled_dataset]))
