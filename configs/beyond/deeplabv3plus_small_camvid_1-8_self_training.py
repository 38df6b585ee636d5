# The unlabeled images with masks of ..._supervised_long, as many as labeled
# ones in every batch: tools/make_pseudo_masks.py --tta --logit-adjustment 0.35
_base_ = './deeplabv3plus_small_camvid_1-8_supervised_long.py'
pseudo_labeled_dataset = dict(
    _base_.labeled_dataset,
    ann_file=_base_.unlabeled_dataset.ann_file,
    # written by tools/make_pseudo_masks.py
    data_prefix=dict(
        img_path='JPEGImages', seg_map_path='SegmentationClassPseudo'))
train_dataloader = dict(
    batch_size=16,
    sampler=dict(batch_size=16, source_ratio=[1, 1]),
    dataset=dict(datasets=[_base_.labeled_dataset, pseudo_labeled_dataset]))
