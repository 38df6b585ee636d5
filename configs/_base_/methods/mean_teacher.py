# Fragment for a mean teacher (Tarvainen and Valpola, NeurIPS 2017): on a view
# with changed colours the network is trained with the probabilities that the
# average of its weights predicts on the unchanged view. CutMix-Seg
# (cutmix_seg.py) is the same on mixed views. It only defines new names, so
# that it merges with every stock config.

# Merge into the stock model: `model = _base_.mean_teacher_model`.
mean_teacher_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    terms=dict(
        consistency=dict(
            type='SquaredConsistency',
            views=('weak', 'strong1'),
            confidence=None,
            # The squares are summed over classes. Published: 100 times the
            # mean over the 21 classes of VOC, which is about 5 here, without a
            # ramp (code of CPS), or 1 times the mean after a ramp of 5 of 45
            # epochs (PixelSSL). This is such a ramp in a training of 20,000
            # iterations.
            weight=dict(peak=5., iters=2000))))

# 4 labeled + 4 unlabeled images on each GPU.
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
mean_teacher_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # keys that unlabeled images do not have
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# Images of VOC, 500 px long, become 250 to 1,000 px long. The crop size is
# that of the VOC configs of mmseg.
# For other sizes use dict(_base_.mean_teacher_resize, scale=...) instead.
mean_teacher_load = dict(type='LoadImageFromFile')
mean_teacher_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
# before the crop, so that all views share it
mean_teacher_flip = dict(type='RandomFlip', prob=0.5)
mean_teacher_crop = dict(type='SharedRandomCrop', crop_size=(512, 512))
# Colours of CutMix-Seg: jitter of 0.4, 0.4, 0.4 and hue 0.1 with probability
# 0.8, grey 0.2. The jitter of mmseg adds to the brightness (51 = 0.4 * 128)
# where the published one multiplies it, and applies each of its parts with
# probability 0.5; a hue shift of 0.1 is 18 in OpenCV's range of 180.
mean_teacher_strong = [
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
mean_teacher_views = dict(
    type='MultiView', views=dict(weak=[], strong1=mean_teacher_strong))
mean_teacher_pack = dict(type='PackViews')
mean_teacher_unlabeled_pipeline = [
    mean_teacher_load, mean_teacher_resize, mean_teacher_flip,
    mean_teacher_crop, mean_teacher_views, mean_teacher_pack
]

# As published: momentum 1 / (iteration + 1), at least 0.01, and no warm-up.
mean_teacher_warmup = dict(type='SupervisedWarmupHook', warmup_iters=0)
mean_teacher_hook = dict(
    type='MeanTeacherHook',
    ema_type='MomentumAnnealingEMA',
    momentum=0.01,
    gamma=1)
mean_teacher_hooks = [mean_teacher_warmup, mean_teacher_hook]
