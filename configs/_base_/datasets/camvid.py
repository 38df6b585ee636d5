# CamVid at half size (240 x 180), 1/8 labeled: 46 of 367 images.
# Lists: tools/dataset_tools/make_splits.py list
_base_ = ['../evaluation.py', '../mild_color_jitter.py']

dataset_type = 'CamVidDataset'
data_root = 'data/camvid'
crop_size = (96, 96)
image_size = (240, 180)  # width, height
random_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=image_size,
    ratio_range=(0.7, 1.4),
    keep_ratio=True)
labeled_dataset = dict(
    type=dataset_type,
    data_root=data_root,
    ann_file='ImageSets/Segmentation/dcc/1-8_seed0_labeled.txt',
    pipeline=[
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        random_resize,
        dict(type='RandomCrop', crop_size=crop_size),
        dict(type='RandomFlip', prob=0.5),
        _base_.color_jitter,
        dict(type='PackSegInputs'),
    ])
unlabeled_dataset = dict(
    type='UnlabeledDataset',
    data_root=data_root,
    ann_file='ImageSets/Segmentation/dcc/1-8_seed0_unlabeled.txt',
    data_prefix=dict(img_path='JPEGImages'),
    img_suffix='.jpg',
    pipeline=[
        dict(type='LoadImageFromFile'),
        random_resize,
        dict(type='PairedRandomCrop', crop_size=crop_size),
        dict(
            type='TransformBroadcaster',
            mapping=dict(
                img='img', flip='flip', flip_direction='flip_direction'),
            auto_remap=True,
            transforms=[
                dict(type='RandomFlip', prob=0.5), _base_.color_jitter
            ]),
        dict(type='PackPairedSegInputs'),
    ])
# Predictions are resized to the original 480 x 360 before they are compared.
resize = dict(type='Resize', scale=image_size, keep_ratio=True)
test_pipeline = [
    dict(type='LoadImageFromFile'),
    resize,
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
tta_pipeline = _base_.tta_pipeline
tta_pipeline.insert(1, resize)
# as far as random_resize goes
tta_pipeline[-1].transforms[0] = [
    dict(type='Resize', scale_factor=ratio, keep_ratio=True)
    for ratio in (0.75, 1.0, 1.25)
]
val_dataloader = dict(
    batch_size=4,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='ImageSets/Segmentation/val.txt',
        pipeline=test_pipeline))
test_dataloader = val_dataloader
