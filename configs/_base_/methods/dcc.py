# Fragment for DCC. It only defines new names, so that it merges with every
# stock config; see configs/dcc/stock_*.py. Values are those of Sec. 4.1 and
# Table 4 of the paper unless stated otherwise.

# Merge into the stock model: `model = _base_.dcc_model`.
dcc_model = dict(
    type='DCCSegmentor',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    projector=dict(type='PixelProjector', out_channels=128),
    loss_dc=dict(
        type='DirectionalContrastiveLoss',
        temperature=0.1,
        confidence_threshold=0.75,
        loss_weight=0.1),
    # Published for ResNet-101: each GPU adds up to 6,400 negatives of each of
    # the two crops, all 40 x 40 positions of 4 images, and keeps 3 steps.
    # These are the 19.2k of Table 4, which counts the negatives of one crop.
    memory_bank=dict(
        type='FeatureMemoryBank', negatives_per_crop=6400, steps=3),
    stride=8)

# 4 labeled + 4 unlabeled images on each of two GPUs. The config that uses this
# sets dataset.datasets = [labeled, unlabeled].
dcc_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # keys that unlabeled images do not have
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# Sizes for PASCAL VOC as in the published code: unlabeled images, 500 px long,
# become 320 to 800 px long. Sec. 4.1 only says "randomly resized".
# For other sizes use dict(_base_.dcc_resize, scale=...) instead.
dcc_load = dict(type='LoadImageFromFile')
dcc_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(400, 400),
    ratio_range=(0.8, 2.0),
    keep_ratio=True)
dcc_crop = dict(
    type='PairedRandomCrop',
    crop_size=(320, 320),
    iou_range=(0.1, 1.0),
    stride=8)
# Applied to each crop separately. The paper states the kinds of augmentation
# but not their strength: these are the usual ones of contrastive learning.
dcc_augmentation = [
    dict(
        type='RandomApply',
        transforms=[dict(type='FastPhotoMetricDistortion')],
        prob=0.8),
    dict(type='FastRandomGrayscale', prob=0.2),
    dict(type='RandomGaussianBlur', prob=0.5),
    # Last, since other transforms are slower on the array that it returns.
    dict(type='RandomFlip', prob=0.5),
]
dcc_views = dict(
    type='MultiView',
    views=dict(
        a=dict(window=0, transforms=dcc_augmentation),
        b=dict(window=1, transforms=dcc_augmentation)))
dcc_pack = dict(type='PackViews')
dcc_unlabeled_pipeline = [
    dcc_load, dcc_resize, dcc_crop, dcc_views, dcc_pack
]

# 1/16 of a training of 20,000 iterations, like 5 of 80 epochs
dcc_hooks = [dict(type='SupervisedWarmupHook', warmup_iters=1250)]
