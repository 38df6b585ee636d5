# Second training, with pseudo masks of any network for the same classes. A
# batch has equal numbers of labeled images, images with pseudo masks and pairs
# of crops.
_base_ = '../dcc/deeplabv3plus_r101_voc_1-8.py'
pseudo_labeled_dataset = dict(
    _base_.labeled_dataset,
    ann_file=_base_.unlabeled_dataset.ann_file,
    data_prefix=dict(
        img_path='JPEGImages', seg_map_path='SegmentationClassPseudo'))
train_dataloader = dict(
    batch_size=12,
    batch_sampler=dict(source_ratio=[1, 1, 1]),
    dataset=dict(datasets=[
        _base_.labeled_dataset, pseudo_labeled_dataset,
        _base_.unlabeled_dataset
    ]))
