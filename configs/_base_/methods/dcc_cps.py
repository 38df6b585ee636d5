# Fragment for DCC combined with cross pseudo supervision without CutMix, a
# combination of this project: the two networks are trained on each other's
# labels on view a, whose features DC compares with those of view b. It only
# defines new names, so that it merges with every stock config.

# Merge into the stock model: `model = _base_.dcc_cps_model`.
dcc_cps_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    terms=dict(
        dc=dict(
            type='DirectionalContrast',
            views=('a', 'b'),
            # warm-up of DCC: 1/16 of a training of 20,000 iterations
            start_iters=1250,
            stride=8,
            projector=dict(type='PixelProjector', out_channels=128),
            bank=dict(type='FeatureMemoryBank', rows=6400, steps=3),
            loss=dict(
                type='DirectionalContrastiveLoss',
                temperature=0.1,
                confidence_threshold=0.75,
                loss_weight=0.1)),
        # 1.5 on VOC, 6 on Cityscapes
        cps=dict(type='CrossPseudo', view='a', weight=1.5)))

# 4 labeled + 4 unlabeled images on each GPU.
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
dcc_cps_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # keys that unlabeled images do not have
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# Sizes of CPS, windows of DCC.
# For other sizes use dict(_base_.dcc_cps_resize, scale=...) instead.
dcc_cps_load = dict(type='LoadImageFromFile')
dcc_cps_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
dcc_cps_crop = dict(
    type='PairedRandomCrop',
    crop_size=(512, 512),
    iou_range=(0.1, 1.0),
    stride=8)
# Applied to each view separately, as in DCC. CPS does not change colours.
dcc_cps_augmentation = [
    dict(
        type='RandomApply',
        transforms=[dict(type='FastPhotoMetricDistortion')],
        prob=0.8),
    dict(type='FastRandomGrayscale', prob=0.2),
    dict(type='RandomGaussianBlur', prob=0.5),
    dict(type='RandomFlip', prob=0.5),
]
dcc_cps_views = dict(
    type='MultiView',
    views=dict(
        a=dict(window=0, transforms=dcc_cps_augmentation),
        b=dict(window=1, transforms=dcc_cps_augmentation)))
dcc_cps_pack = dict(type='PackViews')
dcc_cps_unlabeled_pipeline = [
    dcc_cps_load, dcc_cps_resize, dcc_cps_crop, dcc_cps_views, dcc_cps_pack
]

# no warm-up of CPS, as published
dcc_cps_hooks = [dict(type='SupervisedWarmupHook', warmup_iters=0)]
