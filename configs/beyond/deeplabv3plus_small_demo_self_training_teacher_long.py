# Second training like the first, ..._teacher_long, with pseudo masks that
# tools/make_pseudo_masks.py --tta writes with the first. A batch has equal
# numbers of labeled images, images with pseudo masks and pairs of crops.
_base_ = './deeplabv3plus_small_demo_teacher_long.py'
pseudo_labeled_dataset = dict(
    _base_.labeled_dataset,
    ann_file=_base_.unlabeled_dataset.ann_file,
    data_prefix=dict(
        img_path='JPEGImages', seg_map_path='SegmentationClassPseudo'))
train_dataloader = dict(
    batch_size=24,
    batch_sampler=dict(source_ratio=[1, 1, 1]),
    dataset=dict(datasets=[
        _base_.labeled_dataset, pseudo_labeled_dataset,
        _base_.unlabeled_dataset
    ]))
