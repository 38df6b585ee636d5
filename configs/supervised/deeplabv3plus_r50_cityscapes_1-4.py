_base_ = './deeplabv3plus_r50_cityscapes_1-8.py'
labeled_dataset = dict(
    _base_.labeled_dataset,
    ann_file='splits/dcc/1-4_seed0_labeled.txt')
train_dataloader = dict(dataset=dict(datasets=[labeled_dataset]))
