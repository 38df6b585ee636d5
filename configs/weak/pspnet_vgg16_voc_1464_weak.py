_base_ = ['./pspnet_vgg16_voc_1464_semi.py', '../_base_/weak.py']
model = _base_.weak_model
labeled_dataset, unlabeled_dataset = _base_.train_dataloader.dataset.datasets
unlabeled_dataset.data_prefix.weak_seg_map_path = 'SegmentationWeakVGG16'
train_dataloader = dict(
    dataset=dict(datasets=[labeled_dataset, unlabeled_dataset]))
