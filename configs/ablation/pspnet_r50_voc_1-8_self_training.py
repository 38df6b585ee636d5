# Table 3, ST: self-training. Half of each batch are unlabeled images with
# pseudo masks of a supervised network, from tools/make_pseudo_masks.py.
_base_ = '../supervised/pspnet_r50_voc_1-8.py'
pseudo_labeled_dataset = dict(
    _base_.labeled_dataset,
    ann_file=_base_.unlabeled_dataset.ann_file,
    # written by tools/make_pseudo_masks.py
    data_prefix=dict(
        img_path='JPEGImages', seg_map_path='SegmentationClassPseudo'))
train_dataloader = dict(
    batch_size=8,
    batch_sampler=dict(source_ratio=[1, 1]),
    dataset=dict(datasets=[_base_.labeled_dataset, pseudo_labeled_dataset]))
