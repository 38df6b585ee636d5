# The fragment that turns any config into FixMatch for segmentation without a
# teacher, the baseline of UniMatch V1 (Yang et al., CVPR 2023): the network
# labels a weak view and learns the labels on a strong, mixed view. It only
# adds names, so that it merges with every stock config.
# Published: SGD, 0.001 for the backbone and ten times as much for the head on
# VOC; see unimatch_v1.py for Cityscapes.

# Merged over the stock model: `model = _base_.fixmatch_v1_model`. The total
# loss is half of labeled plus unlabeled.
fixmatch_v1_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    sup_weight=0.5,
    terms=dict(
        pseudo=dict(
            type='PseudoLabels',
            weight=0.5,
            label_view='weak',
            train_views=('strong1', ),
            teacher=False,
            # 0 on Cityscapes
            threshold=0.95,
            mix='cutmix')))

# 4 labeled + 4 unlabeled images on each GPU (published: 2 + 2 on four).
# The config that uses it fills in dataset.datasets = [labeled, unlabeled].
fixmatch_v1_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # unlabeled images have none of these
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# VOC's images, 500 px long, become 250 to 1,000 px long: the long side times
# U(0.5, 2), as published. The crop is that of mmseg's configs of VOC
# (published: 321 on VOC, 801 on Cityscapes, 513 on COCO).
# For other sizes put dict(_base_.fixmatch_v1_resize, scale=...) in its place.
fixmatch_v1_load = dict(type='LoadImageFromFile')
fixmatch_v1_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
# before the crop: all views share it
fixmatch_v1_flip = dict(type='RandomFlip', prob=0.5)
fixmatch_v1_crop = dict(type='SharedRandomCrop', crop_size=(512, 512))
# Published: colour jitter of 0.5, 0.5, 0.5 and hue 0.25 with probability 0.8,
# grey 0.2, blur 0.5. mmseg's jitter adds brightness (64 = 0.5 of 128) where
# the published one multiplies it, and tosses a coin for each of its parts; a
# hue of 0.25 is 45 of OpenCV's 180.
fixmatch_v1_strong = [
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
fixmatch_v1_views = dict(
    type='MultiView', views=dict(weak=[], strong1=fixmatch_v1_strong))
fixmatch_v1_pack = dict(type='PackViews')
fixmatch_v1_unlabeled_pipeline = [
    fixmatch_v1_load, fixmatch_v1_resize, fixmatch_v1_flip, fixmatch_v1_crop,
    fixmatch_v1_views, fixmatch_v1_pack
]

# no teacher and no warm-up, as published
fixmatch_v1_hooks = [dict(type='SupervisedWarmupHook', warmup_iters=0)]
