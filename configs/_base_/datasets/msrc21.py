# MSRC-21, 224 px on the longer side, 1/8 labeled.
# Lists: tools/dataset_tools/make_splits.py list --least-per-class 1, since
# random draws of 42 images miss classes.
_base_ = ['../evaluation.py', '../unlabeled_views.py']

dataset_type = 'MSRC21Dataset'
data_root = 'data/msrc21'
crop_size = (128, 128)
image_size = (224, 224)  # the longer side: some photographs are upright
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
    ann_file='ImageSets/Segmentation/dcc/1-8_seed0_unlabeled.txt',
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
# Of a second training: masks from tools/make_pseudo_masks.py, colours changed
# like those of the strong views.
pseudo_labeled_dataset = dict(
    labeled_dataset,
    ann_file=unlabeled_dataset['ann_file'],
    data_prefix=dict(
        img_path='JPEGImages', seg_map_path='SegmentationClassPseudo'),
    pipeline=[
        _base_.load_image, _base_.load_annotations, random_resize,
        dict(type='RandomCrop', crop_size=crop_size), _base_.random_flip,
        *_base_.strong_augmentation, _base_.pack_inputs
    ])
# Predictions are resized to the size of the files before the evaluation.
resize = dict(type='Resize', scale=image_size, keep_ratio=True)
test_pipeline = [
    _base_.load_image, resize, _base_.load_annotations, _base_.pack_inputs
]
# scales within the range of random_resize
tta_scales = [
    dict(type='Resize', scale_factor=ratio, keep_ratio=True)
    for ratio in (0.75, 1.0, 1.25)
]
tta_pipeline = [
    _base_.load_image, resize,
    dict(type='TestTimeAug', transforms=[tta_scales, *_base_.tta_rest])
]
val_dataloader = dict(
    batch_size=1,  # photographs differ in size
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type=dataset_type,
        data_root=data_root,
        ann_file='ImageSets/Segmentation/val.txt',
        pipeline=test_pipeline))
test_dataloader = val_dataloader
