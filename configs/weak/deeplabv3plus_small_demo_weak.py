_base_ = [
    './deeplabv3plus_small_demo_semi.py', '../_base_/methods/weak_labels.py'
]
model = _base_.weak_labels_model
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    data_prefix=dict(
        img_path='JPEGImages', weak_seg_map_path='SegmentationWeak'))
train_dataloader = dict(
    dataset=dict(datasets=[_base_.labeled_dataset, unlabeled_dataset]))
