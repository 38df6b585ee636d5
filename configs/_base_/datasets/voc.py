# PASCAL VOC 2012 with the SBD masks (train_aug, 10,582 images), 1/8 labeled.
# Lists: tools/dataset_tools/make_splits.py voc
_base_ = '../evaluation.py'

dataset_type = 'PascalVOCDataset'
data_root = 'data/VOCdevkit/VOC2012'
crop_size = (320, 320)  # height, width
# Published: the same number of iterations for every split.
epoch_length = 1157
labeled_pipeline = [
    _base_.load_image,
    _base_.load_annotations,
    # Ratio range of Sec. 4.1, base size of the published code: images of VOC,
    # 500 px long, become 200 to 800 px long.
    dict(
        type='RandomResize',
        scale=(400, 400),  # width, height
        ratio_range=(0.5, 2.0),
        keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    _base_.pack_inputs,
]
labeled_dataset = dict(
    type=dataset_type,
    data_root=data_root,
    ann_file='ImageSets/Segmentation/dcc/1-8_seed0_labeled.txt',
    data_prefix=dict(
        img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
    pipeline=labeled_pipeline)
unlabeled_dataset = dict(
    type='UnlabeledDataset',
    data_root=data_root,
    ann_file='ImageSets/Segmentation/dcc/1-8_seed0_unlabeled.txt',
    data_prefix=dict(img_path='JPEGImages'),
    img_suffix='.jpg')
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='ImageSets/Segmentation/val.txt',
        data_prefix=dict(
            img_path='JPEGImages', seg_map_path='SegmentationClass'),
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
