# Fragment for ClassMix (Olsson et al., WACV 2021): half of the classes that a
# mean teacher predicts in an image are pasted into another image, and the
# network is trained with the mixed labels of the teacher. It only defines new
# names, so that it merges with every stock config.
# Published: SGD, learning rate 2.5e-4 (ten times that for the head), 40,000
# iterations.

# Merge into the stock model: `model = _base_.classmix_model`.
classmix_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    terms=dict(
        pseudo=dict(
            type='PseudoLabels',
            weight=1.,
            label_view='weak',
            train_views=('strong1', ),
            threshold=0.968,
            normalise='share',
            mix=dict(kind='classmix', partner='roll'))))

# 4 labeled + 4 unlabeled images on each GPU (published: 10 + 10 on one).
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
classmix_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # keys that unlabeled images do not have
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# Images of VOC, 500 px long, become 250 to 750 px long. The crop size is the
# published one (Cityscapes: 512 x 1024).
# For other sizes use dict(_base_.classmix_resize, scale=...) instead.
classmix_load = dict(type='LoadImageFromFile')
classmix_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 1.5),
    keep_ratio=True)
# before the crop, so that all views share it
classmix_flip = dict(type='RandomFlip', prob=0.5)
classmix_crop = dict(type='SharedRandomCrop', crop_size=(321, 321))
# Published for Cityscapes: colour jitter of 0.25 with probability 0.8, blur
# 0.5. On VOC colours are not changed: dict(_base_.classmix_views,
# views=dict(weak=[], strong1=[])). The jitter of mmseg adds to the brightness
# (32 = 0.25 * 128) where the published one multiplies it, and applies each of
# its parts with probability 0.5; a hue shift of 0.25 is 45 in OpenCV's range
# of 180.
classmix_strong = [
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
classmix_views = dict(
    type='MultiView', views=dict(weak=[], strong1=classmix_strong))
classmix_pack = dict(type='PackViews')
classmix_unlabeled_pipeline = [
    classmix_load, classmix_resize, classmix_flip, classmix_crop,
    classmix_views, classmix_pack
]

# As published: momentum 1 / (iteration + 1), at least 0.01, and no warm-up.
classmix_warmup = dict(type='SupervisedWarmupHook', warmup_iters=0)
classmix_teacher = dict(
    type='MeanTeacherHook',
    ema_type='MomentumAnnealingEMA',
    momentum=0.01,
    gamma=1)
classmix_hooks = [classmix_warmup, classmix_teacher]
