# Fragment for DCC combined with ClassMix, a combination of this project:
# strong1 is mixed and trained with the labels of the teacher; a second strong
# view, strong2, shows an overlapping window, and DC compares both in the
# overlap, before the mixing. It only defines new names, so that it merges with
# every stock config.

# Merge into the stock model: `model = _base_.dcc_classmix_model`.
dcc_classmix_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    terms=dict(
        dc=dict(
            type='DirectionalContrast',
            views=('strong1', 'strong2'),
            # warm-up of DCC: 1/16 of a training of 20,000 iterations
            start_iters=1250,
            stride=8,
            projector=dict(type='PixelProjector', out_channels=128),
            bank=dict(type='FeatureMemoryBank', rows=3200, steps=3),
            loss=dict(
                type='DirectionalContrastiveLoss',
                temperature=0.1,
                confidence_threshold=0.75,
                loss_weight=0.1)),
        pseudo=dict(
            type='PseudoLabels',
            weight=1.,
            label_view='weak',
            train_views=('strong1', ),
            threshold=0.968,
            normalise='share',
            mix=dict(kind='classmix', partner='roll'))))

# 4 labeled + 4 unlabeled images on each GPU.
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
dcc_classmix_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # keys that unlabeled images do not have
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# Sizes and colours of ClassMix, windows of DCC.
# For other sizes use dict(_base_.dcc_classmix_resize, scale=...) instead.
dcc_classmix_load = dict(type='LoadImageFromFile')
dcc_classmix_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 1.5),
    keep_ratio=True)
# before the crop, so that weak and strong1 share it
dcc_classmix_flip = dict(type='RandomFlip', prob=0.5)
dcc_classmix_crop = dict(
    type='PairedRandomCrop',
    crop_size=(320, 320),
    iou_range=(0.1, 1.0),
    stride=8)
# As in classmix.py: jitter of 0.25, 0.25, 0.25 and hue 0.25 with probability
# 0.8, blur 0.5.
dcc_classmix_strong = [
    dict(
        type='RandomApply',
        transforms=[
            dict(
                type='FastPhotoMetricDistortion',
                brightness_delta=32,
                contrast_range=(0.75, 1.25),
                saturation_range=(0.75, 1.25),
                hue_delta=45)
        ],
        prob=0.8),
    dict(type='RandomGaussianBlur', prob=0.5, sigma_range=(0.15, 1.15)),
]
dcc_classmix_views = dict(
    type='MultiView',
    views=dict(
        weak=dict(window=0, transforms=[]),
        strong1=dict(window=0, transforms=dcc_classmix_strong),
        # a separate flip, as for the crops of DCC
        strong2=dict(
            window=1,
            transforms=[
                *dcc_classmix_strong,
                dict(type='RandomFlip', prob=0.5),
            ])))
dcc_classmix_pack = dict(type='PackViews')
dcc_classmix_unlabeled_pipeline = [
    dcc_classmix_load, dcc_classmix_resize, dcc_classmix_flip,
    dcc_classmix_crop, dcc_classmix_views, dcc_classmix_pack
]

# As published: momentum 1 / (iteration + 1), at least 0.01, and no warm-up.
dcc_classmix_warmup = dict(type='SupervisedWarmupHook', warmup_iters=0)
dcc_classmix_teacher = dict(
    type='MeanTeacherHook',
    ema_type='MomentumAnnealingEMA',
    momentum=0.01,
    gamma=1)
dcc_classmix_hooks = [dcc_classmix_warmup, dcc_classmix_teacher]
