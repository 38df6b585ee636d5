# Table 5: only the masks of VOC, without those of SBD.
# Lists: tools/dataset_tools/make_splits.py voc
_base_ = './pspnet_r50_voc_1-8.py'
split = 'ImageSets/Segmentation/dcc/1464'
labeled_dataset = dict(
    _base_.labeled_dataset, ann_file=f'{split}_labeled.txt')
unlabeled_dataset = dict(
    _base_.unlabeled_dataset, ann_file=f'{split}_unlabeled.txt')
train_dataloader = dict(
    dataset=dict(datasets=[labeled_dataset, unlabeled_dataset]))
