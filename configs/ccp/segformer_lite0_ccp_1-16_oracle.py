# Upper bound: all training images with their masks.
_base_ = './segformer_lite0_ccp_1-16_supervised.py'

labeled_dataset = dict(
    _base_.labeled_dataset, ann_file='ImageSets/Segmentation/train.txt')
train_dataloader = dict(dataset=dict(datasets=[labeled_dataset]))
