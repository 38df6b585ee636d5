# Fragment for FixMatch for segmentation, the baseline of UniMatch V2 (Yang et
# al., TPAMI 2025): a teacher predicts labels on the weak view, with which the
# network is trained on a strong, mixed view. It only defines new names, so
# that it merges with every stock config.
# Published for DINOv2: AdamW, learning rate 5e-6 for the backbone and 40 times
# that for the head. Set the rates for your network in optim_wrapper.

# Merge into the stock model: `model = _base_.fixmatch_model`. The total loss
# is half of labeled plus unlabeled loss.
fixmatch_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    sup_weight=0.5,
    terms=dict(
        pseudo=dict(
            type='PseudoLabels',
            weight=0.5,
            label_view='weak',
            train_views=('strong1', ),
            threshold=0.95,
            mix='cutmix')))

# 4 labeled + 4 unlabeled images on each of four GPUs.
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
fixmatch_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # keys that unlabeled images do not have
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# Images of VOC, 500 px long, become 250 to 1,000 px long: the longer side
# times U(0.5, 2), as published. The crop size is that of the VOC configs of
# mmseg (published: 518, a multiple of 14 for DINOv2).
# For other sizes use dict(_base_.fixmatch_resize, scale=...) instead.
fixmatch_load = dict(type='LoadImageFromFile')
fixmatch_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
# before the crop, so that all views share it
fixmatch_flip = dict(type='RandomFlip', prob=0.5)
fixmatch_crop = dict(type='SharedRandomCrop', crop_size=(512, 512))
# Published: colour jitter of 0.5, 0.5, 0.5 and hue 0.25 with probability 0.8,
# grey 0.2, blur 0.5. The jitter of mmseg adds to the brightness (64 = 0.5 *
# 128) where the published one multiplies it, and applies each of its parts
# with probability 0.5; a hue shift of 0.25 is 45 in OpenCV's range of 180.
fixmatch_strong = [
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
fixmatch_views = dict(
    type='MultiView', views=dict(weak=[], strong1=fixmatch_strong))
fixmatch_pack = dict(type='PackViews')
fixmatch_unlabeled_pipeline = [
    fixmatch_load, fixmatch_resize, fixmatch_flip, fixmatch_crop,
    fixmatch_views, fixmatch_pack
]

# As published: momentum 1 / (iteration + 1), at least 0.004, and no warm-up.
fixmatch_warmup = dict(type='SupervisedWarmupHook', warmup_iters=0)
fixmatch_teacher = dict(
    type='MeanTeacherHook',
    ema_type='MomentumAnnealingEMA',
    momentum=0.004,
    gamma=1)
fixmatch_hooks = [fixmatch_warmup, fixmatch_teacher]
