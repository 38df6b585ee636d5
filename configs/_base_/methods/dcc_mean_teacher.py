# Fragment for DCC combined with a mean teacher, a combination of this project:
# strong1 is trained with the probabilities of the teacher, and DC compares it
# with an overlapping window, strong2. Both terms share one pass of strong1. It
# only defines new names, so that it merges with every stock config.

# Merge into the stock model: `model = _base_.dcc_mean_teacher_model`.
dcc_mean_teacher_model = dict(
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
        consistency=dict(
            type='SquaredConsistency',
            views=('weak', 'strong1'),
            confidence=None,
            # as in mean_teacher.py
            weight=dict(peak=5., iters=2000))))

# 4 labeled + 4 unlabeled images on each GPU.
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
dcc_mean_teacher_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # keys that unlabeled images do not have
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# Sizes of the mean teacher, windows of DCC.
# For other sizes use dict(_base_.dcc_mean_teacher_resize, scale=...) instead.
dcc_mean_teacher_load = dict(type='LoadImageFromFile')
dcc_mean_teacher_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
# before the crop, so that weak and strong1 share it
dcc_mean_teacher_flip = dict(type='RandomFlip', prob=0.5)
dcc_mean_teacher_crop = dict(
    type='PairedRandomCrop',
    crop_size=(512, 512),
    iou_range=(0.1, 1.0),
    stride=8)
# Colours of CutMix-Seg: jitter of 0.4, 0.4, 0.4 and hue 0.1 with probability
# 0.8, grey 0.2. The jitter of mmseg adds to the brightness (51 = 0.4 * 128)
# where the published one multiplies it, and applies each of its parts with
# probability 0.5; a hue shift of 0.1 is 18 in OpenCV's range of 180.
dcc_mean_teacher_strong = [
    dict(
        type='RandomApply',
        transforms=[
            dict(
                type='FastPhotoMetricDistortion',
                brightness_delta=51,
                contrast_range=(0.6, 1.4),
                saturation_range=(0.6, 1.4),
                hue_delta=18)
        ],
        prob=0.8),
    dict(type='FastRandomGrayscale', prob=0.2),
]
dcc_mean_teacher_views = dict(
    type='MultiView',
    views=dict(
        weak=dict(window=0, transforms=[]),
        strong1=dict(window=0, transforms=dcc_mean_teacher_strong),
        # a separate flip, as for the crops of DCC
        strong2=dict(
            window=1,
            transforms=[
                *dcc_mean_teacher_strong,
                dict(type='RandomFlip', prob=0.5),
            ])))
dcc_mean_teacher_pack = dict(type='PackViews')
dcc_mean_teacher_unlabeled_pipeline = [
    dcc_mean_teacher_load, dcc_mean_teacher_resize, dcc_mean_teacher_flip,
    dcc_mean_teacher_crop, dcc_mean_teacher_views, dcc_mean_teacher_pack
]

# As published: momentum 1 / (iteration + 1), at least 0.01, and no warm-up.
dcc_mean_teacher_warmup = dict(type='SupervisedWarmupHook', warmup_iters=0)
dcc_mean_teacher_hook = dict(
    type='MeanTeacherHook',
    ema_type='MomentumAnnealingEMA',
    momentum=0.01,
    gamma=1)
dcc_mean_teacher_hooks = [dcc_mean_teacher_warmup, dcc_mean_teacher_hook]
