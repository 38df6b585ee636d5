_base_ = './deeplabv3plus_small_camvid_1-8_dcc.py'
split = 'ImageSets/Segmentation/dcc/1-4_seed0'
labeled_dataset, unlabeled_dataset = _base_.train_dataloader.dataset.datasets
labeled_dataset.ann_file = f'{split}_labeled.txt'
unlabeled_dataset.ann_file = f'{split}_unlabeled.txt'
train_dataloader = dict(
    dataset=dict(datasets=[labeled_dataset, unlabeled_dataset]))
