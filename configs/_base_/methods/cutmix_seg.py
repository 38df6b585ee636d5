# Fragment for CutMix-Seg (French et al., BMVC 2020): on a mix of two images
# the network is trained with the mixed probabilities that a mean teacher
# predicts on each of them. It only defines new names, so that it merges with
# every stock config.
# Published: Adam, learning rate 1e-5 for DeepLabv3+ (a tenth of it for
# pretrained layers), frozen batch norms (model.backbone.norm_eval=True of a
# ResNet).

# Merge into the stock model: `model = _base_.cutmix_seg_model`.
cutmix_seg_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    terms=dict(
        consistency=dict(
            type='SquaredConsistency',
            weight=1.,
            views=('weak', 'strong1'),
            confidence='batch',
            threshold=0.97,
            mix='half_box')))

# 4 labeled + 4 unlabeled images on each GPU (published: 10 + 10 on one).
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
cutmix_seg_dataloader = dict(
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
# published one.
# For other sizes use dict(_base_.cutmix_seg_resize, scale=...) instead.
cutmix_seg_load = dict(type='LoadImageFromFile')
cutmix_seg_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 1.5),
    keep_ratio=True)
# before the crop, so that all views share it
cutmix_seg_flip = dict(type='RandomFlip', prob=0.5)
cutmix_seg_crop = dict(type='SharedRandomCrop', crop_size=(321, 321))
# Published: colour jitter of 0.4, 0.4, 0.4 and hue 0.1 with probability 0.8,
# grey 0.2. The jitter of mmseg adds to the brightness (51 = 0.4 * 128) where
# the published one multiplies it, and applies each of its parts with
# probability 0.5; a hue shift of 0.1 is 18 in OpenCV's range of 180.
cutmix_seg_strong = [
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
cutmix_seg_views = dict(
    type='MultiView', views=dict(weak=[], strong1=cutmix_seg_strong))
cutmix_seg_pack = dict(type='PackViews')
cutmix_seg_unlabeled_pipeline = [
    cutmix_seg_load, cutmix_seg_resize, cutmix_seg_flip, cutmix_seg_crop,
    cutmix_seg_views, cutmix_seg_pack
]

# as published: no warm-up, and a momentum of 0.01 from the start
cutmix_seg_warmup = dict(type='SupervisedWarmupHook', warmup_iters=0)
cutmix_seg_teacher = dict(type='MeanTeacherHook', momentum=0.01)
cutmix_seg_hooks = [cutmix_seg_warmup, cutmix_seg_teacher]
