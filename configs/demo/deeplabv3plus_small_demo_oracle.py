# All training images with their labels: the most there is to gain.
_base_ = './deeplabv3plus_small_demo_supervised.py'
labeled_dataset, = _base_.train_dataloader.dataset.datasets
labeled_dataset.ann_file = 'ImageSets/Segmentation/train_aug.txt'
labeled_dataset.data_prefix.seg_map_path = 'SegmentationClassAug'
train_dataloader = dict(dataset=dict(datasets=[labeled_dataset]))
