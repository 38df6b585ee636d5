# Synthetic scenes of tools/paper/make_demo_dataset.py in the layout of VOC.
_base_ = ['../evaluation.py', '../unlabeled_views.py']

dataset_type = 'PascalVOCDataset'
data_root = 'data/demo'
crop_size = (64, 64)  # height, width
metainfo = dict(
    classes=('background', 'aeroplane', 'bird', 'boat', 'bottle', 'car',
             'person', 'pottedplant'),
    palette=[[0, 0, 0], [128, 0, 0], [128, 128, 0], [0, 0, 128],
             [128, 0, 128], [128, 128, 128], [192, 128, 128], [0, 64, 0]])
random_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(96, 96),  # width, height
    ratio_range=(0.7, 1.4),
    keep_ratio=True)
labeled_dataset = dict(
    type=dataset_type,
    data_root=data_root,
    metainfo=metainfo,
    ann_file='ImageSets/Segmentation/train_labeled.txt',
    data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
    pipeline=[
        _base_.load_image,
        _base_.load_annotations,
        random_resize,
        dict(type='RandomCrop', crop_size=crop_size),
        _base_.random_flip,
        _base_.color_jitter,
        _base_.pack_inputs,
    ])
paired_crop = dict(type='PairedRandomCrop', crop_size=crop_size)
shared_crop = dict(type='SharedRandomCrop', crop_size=crop_size)
unlabeled_dataset = dict(
    type='UnlabeledDataset',
    data_root=data_root,
    ann_file='ImageSets/Segmentation/train_unlabeled.txt',
    data_prefix=dict(img_path='JPEGImages'),
    img_suffix='.jpg',
    pipeline=[
        _base_.load_image, random_resize, paired_crop, _base_.paired_views,
        _base_.pack_views
    ])
strong_view_dataset = dict(
    unlabeled_dataset,
    pipeline=[
        _base_.load_image, random_resize, _base_.random_flip, shared_crop,
        _base_.strong_view, _base_.pack_views
    ])
strong_pairs_dataset = dict(
    unlabeled_dataset,
    pipeline=[
        _base_.load_image, random_resize, _base_.random_flip, paired_crop,
        _base_.strong_pairs, _base_.pack_views
    ])
# scales within the range of random_resize
tta_scales = [
    dict(type='Resize', scale_factor=ratio, keep_ratio=True)
    for ratio in (0.75, 1.0, 1.25)
]
tta_pipeline = [
    _base_.load_image,
    dict(type='TestTimeAug', transforms=[tta_scales, *_base_.tta_rest])
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
