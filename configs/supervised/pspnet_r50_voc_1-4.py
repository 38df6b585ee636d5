_base_ = './pspnet_r50_voc_1-8.py'
labeled_dataset = dict(
    _base_.labeled_dataset,
    ann_file='ImageSets/Segmentation/dcc/1-4_seed0_labeled.txt')
train_dataloader = dict(dataset=dict(datasets=[labeled_dataset]))
