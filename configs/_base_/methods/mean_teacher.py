# The fragment that adds a mean teacher (Tarvainen and Valpola, NeurIPS 2017)
# to any config: the network learns, on a view of other colours, the
# probabilities that the average of its weights gives the plain view.
# CutMix-Seg (cutmix_seg.py) is this on mixed views. It only adds names, so
# that it merges with every stock config.

# Merged over the stock model: `model = _base_.mean_teacher_model`.
mean_teacher_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    terms=dict(
        consistency=dict(
            type='SquaredConsistency',
            views=('weak', 'strong1'),
            confidence=None,
            # The squares are summed over classes. Published is 100 times
            # the mean over VOC's 21, about 5 here, without a ramp (the code
            # of CPS), or 1 times the mean after 5 of 45 epochs (PixelSSL):
            # such a ramp in a training of 20,000 iterations.
            weight=dict(peak=5., iters=2000))))

# 4 labeled + 4 unlabeled images on each GPU.
# The config that uses it fills in dataset.datasets = [labeled, unlabeled].
mean_teacher_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # unlabeled images have none of these
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# VOC's images, 500 px long, become 250 to 1,000 px long; the crop is that of
# mmseg's configs of VOC.
# For other sizes put dict(_base_.mean_teacher_resize, scale=...) in its place.
mean_teacher_load = dict(type='LoadImageFromFile')
mean_teacher_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
# before the crop: all views share it
mean_teacher_flip = dict(type='RandomFlip', prob=0.5)
mean_teacher_crop = dict(type='SharedRandomCrop', crop_size=(512, 512))
# The colours of CutMix-Seg: jitter of 0.4, 0.4, 0.4 and hue 0.1 with
# probability 0.8, grey 0.2. mmseg's jitter adds brightness (51 = 0.4 of 128)
# where the published one multiplies it, and tosses a coin for each of its
# parts; a hue of 0.1 is 18 of OpenCV's 180.
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

# Momentum 1 / (iteration + 1), at least 0.01, as published; no warm-up.
mean_teacher_warmup = dict(type='SupervisedWarmupHook', warmup_iters=0)
mean_teacher_hook = dict(
    type='MeanTeacherHook',
    ema_type='MomentumAnnealingEMA',
    momentum=0.01,
    gamma=1)
mean_teacher_hooks = [mean_teacher_warmup, mean_teacher_hook]
