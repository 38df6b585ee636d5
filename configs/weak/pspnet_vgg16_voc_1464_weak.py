_base_ = [
    './pspnet_vgg16_voc_1464_semi.py', '../_base_/methods/weak_labels.py'
]
model = _base_.weak_labels_model
unlabeled_dataset = dict(
    _base_.unlabeled_dataset,
    data_prefix=dict(
        img_path='JPEGImages', weak_seg_map_path='SegmentationWeakVGG16'))
train_dataloader = dict(
    dataset=dict(datasets=[_base_.labeled_dataset, unlabeled_dataset]))
