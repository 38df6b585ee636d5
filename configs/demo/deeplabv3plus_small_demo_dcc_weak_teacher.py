# DCC, image-level labels (Sec. 3.5) and pseudo labels of a mean teacher
# combined.
_base_ = [
    './deeplabv3plus_small_demo_dcc.py', '../_base_/methods/weak_labels.py',
    '../_base_/methods/pseudo_labels.py'
]
model = dict(
    terms=dict(
        weak=_base_.weak_labels_model.terms.weak,
        pseudo=_base_.pseudo_labels_model.terms.pseudo))
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    data_prefix=dict(
        img_path='JPEGImages', weak_seg_map_path='SegmentationWeak'))
train_dataloader = dict(
    dataset=dict(datasets=[_base_.labeled_dataset, unlabeled_dataset]))
# short training: the average covers about 100 iterations
pseudo_labels_hook = dict(_base_.pseudo_labels_hook, momentum=0.01)
custom_hooks = [_base_.supervised_warmup, pseudo_labels_hook]
