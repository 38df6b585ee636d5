# Fragment for DCC combined with FixMatch, a combination of this project:
# strong1 is trained with the teacher's labels; a second strong view, strong2,
# shows an overlapping window, and DC compares both in the overlap. It only
# defines new names, so that it merges with every stock config.

# Merge into the stock model: `model = _base_.dcc_fixmatch_model`. The total
# loss is half of labeled plus unlabeled loss, as in FixMatch; the weight of DC
# is that of its paper times this half.
dcc_fixmatch_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    sup_weight=0.5,
    terms=dict(
        dc=dict(
            type='DirectionalContrast',
            views=('strong1', 'strong2'),
            weight=0.5,
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
        pseudo=dict(
            type='PseudoLabels',
            weight=0.5,
            label_view='weak',
            train_views=('strong1', ),
            threshold=0.95,
            mix='cutmix')))

# 4 labeled + 4 unlabeled images on each GPU.
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
dcc_fixmatch_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # keys that unlabeled images do not have
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# Sizes of FixMatch, windows of DCC.
# For other sizes use dict(_base_.dcc_fixmatch_resize, scale=...) instead.
dcc_fixmatch_load = dict(type='LoadImageFromFile')
dcc_fixmatch_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
# before the crop, so that weak and strong1 share it
dcc_fixmatch_flip = dict(type='RandomFlip', prob=0.5)
dcc_fixmatch_crop = dict(
    type='PairedRandomCrop',
    crop_size=(512, 512),
    iou_range=(0.1, 1.0),
    stride=8)
# Published: colour jitter of 0.5, 0.5, 0.5 and hue 0.25 with probability 0.8,
# grey 0.2, blur 0.5. The jitter of mmseg adds to the brightness (64 = 0.5 *
# 128) where the published one multiplies it, and applies each of its parts
# with probability 0.5; a hue shift of 0.25 is 45 in OpenCV's range of 180.
dcc_fixmatch_strong = [
    dict(
        type='RandomApply',
        transforms=[
            dict(
                type='FastPhotoMetricDistortion',
                brightness_delta=64,
                contrast_range=(0.5, 1.5),
                saturation_range=(0.5, 1.5),
                hue_delta=45)
        ],
        prob=0.8),
    dict(type='FastRandomGrayscale', prob=0.2),
    dict(type='RandomGaussianBlur', prob=0.5, sigma_range=(0.1, 2.0)),
]
dcc_fixmatch_views = dict(
    type='MultiView',
    views=dict(
        weak=dict(window=0, transforms=[]),
        strong1=dict(window=0, transforms=dcc_fixmatch_strong),
        # a separate flip, as for the crops of DCC
        strong2=dict(
            window=1,
            transforms=[
                *dcc_fixmatch_strong,
                dict(type='RandomFlip', prob=0.5),
            ])))
dcc_fixmatch_pack = dict(type='PackViews')
dcc_fixmatch_unlabeled_pipeline = [
    dcc_fixmatch_load, dcc_fixmatch_resize, dcc_fixmatch_flip,
    dcc_fixmatch_crop, dcc_fixmatch_views, dcc_fixmatch_pack
]

# As published: momentum 1 / (iteration + 1), at least 0.004, and no warm-up.
dcc_fixmatch_warmup = dict(type='SupervisedWarmupHook', warmup_iters=0)
dcc_fixmatch_teacher = dict(
    type='MeanTeacherHook',
    ema_type='MomentumAnnealingEMA',
    momentum=0.004,
    gamma=1)
dcc_fixmatch_hooks = [dcc_fixmatch_warmup, dcc_fixmatch_teacher]
