# Written by tools/paper/make_demo_dataset.py in the layout of VOC.
_base_ = ['../evaluation.py', '../mild_color_jitter.py']

dataset_type = 'PascalVOCDataset'
data_root = 'data/demo'
crop_size = (64, 64)
metainfo = dict(
    classes=('background', 'aeroplane', 'bird', 'boat', 'bottle', 'car',
             'person', 'pottedplant'),
    palette=[[0, 0, 0], [128, 0, 0], [128, 128, 0], [0, 0, 128],
             [128, 0, 128], [128, 128, 128], [192, 128, 128], [0, 64, 0]])
random_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(96, 96),
    ratio_range=(0.7, 1.4),
    keep_ratio=True)
labeled_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    random_resize,
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    _base_.color_jitter,
    dict(type='PackSegInputs'),
]
unlabeled_pipeline = [
    dict(type='LoadImageFromFile'),
    random_resize,
    dict(type='PairedRandomCrop', crop_size=crop_size),
    dict(
        type='TransformBroadcaster',
        mapping=dict(img='img', flip='flip', flip_direction='flip_direction'),
        auto_remap=True,
        transforms=[dict(type='RandomFlip', prob=0.5), _base_.color_jitter]),
    dict(type='PackPairedSegInputs'),
]
labeled_dataset = dict(
    type=dataset_type,
    data_root=data_root,
    metainfo=metainfo,
    ann_file='ImageSets/Segmentation/train_labeled.txt',
    data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
    pipeline=labeled_pipeline)
unlabeled_dataset = dict(
    type='UnlabeledDataset',
    data_root=data_root,
    ann_file='ImageSets/Segmentation/train_unlabeled.txt',
    data_prefix=dict(img_path='JPEGImages'),
    img_suffix='.jpg',
    pipeline=unlabeled_pipeline)
tta_pipeline = _base_.tta_pipeline
# as far as random_resize goes
tta_pipeline[-1].transforms[0] = [
    dict(type='Resize', scale_factor=ratio, keep_ratio=True)
    for ratio in (0.75, 1.0, 1.25)
]
val_dataloader = dict(
    batch_size=16,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        metainfo=metainfo,
        ann_file='ImageSets/Segmentation/val.txt',
        data_prefix=dict(
            img_path='JPEGImages', seg_map_path='SegmentationClass'),
        pipeline=_base_.test_pipeline))
test_dataloader = val_dataloader
