# The second training with the pairs of crops of DCC beside.
_base_ = './segformer_lite0_ccp_1-16_dcc.py'

pseudo_labeled_dataset = dict(
    _base_.labeled_dataset,
    ann_file=_base_.unlabeled_dataset.ann_file,
    # written by tools/make_pseudo_masks.py
    data_prefix=dict(
        img_path='JPEGImages', seg_map_path='SegmentationClassPseudo'),
    pipeline=[
        _base_.load_image, _base_.load_annotations, _base_.random_resize,
        dict(type='RandomCrop', crop_size=_base_.crop_size),
        _base_.random_flip, *_base_.strong_augmentation, _base_.pack_inputs
    ])
train_dataloader = dict(
    batch_size=12,
    batch_sampler=dict(source_ratio=[1, 1, 1]),
    dataset=dict(datasets=[
        _base_.labeled_dataset, pseudo_labeled_dataset,
        _base_.unlabeled_dataset
    ]))
