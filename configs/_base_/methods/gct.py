# Fragment for guided collaborative training (GCT, Ke et al., ECCV 2020): the
# network and a second one of the same config, whose head is initialised
# differently, are trained on each other's predictions where a flaw detector
# rates the other one better. It only defines new names, so that it merges with
# every stock config.

# Merge into the stock model: `model = _base_.gct_model`.
gct_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    terms=dict(
        gct=dict(
            type='GuidedCollaboration',
            view='weak',
            detector=dict(type='FlawDetector', norm_cfg=dict(type='SyncBN')),
            detector_weight=10.,
            correction_weight=1.,
            # like 3 of 20 epochs, in a training of 20,000 iterations
            consistency_weight=dict(peak=100., iters=3000),
            flaw_threshold=0.6)))

# Merge into the stock one: `optim_wrapper = _base_.gct_optim_wrapper`.
# If that has a constructor, set it as `base_constructor`.
# Published: 1e-4 times the number of GPUs.
gct_optim_wrapper = dict(
    constructor='CompositeOptimWrapperConstructor',
    parts={
        'terms.gct.detector': dict(type='Adam', lr=1e-4, betas=(0.9, 0.99))
    })

# 4 labeled + 4 unlabeled images on each GPU (published: 2 + 2 on four).
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
gct_dataloader = dict(
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
# that of the VOC configs of mmseg (published: 321 with DeepLabv2, 513 with
# PSPNet).
# For other sizes use dict(_base_.gct_resize, scale=...) instead. Crops below
# 92 px need a detector of smaller strides.
gct_load = dict(type='LoadImageFromFile')
gct_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
gct_flip = dict(type='RandomFlip', prob=0.5)
gct_crop = dict(type='SharedRandomCrop', crop_size=(512, 512))
# both networks have the same input
gct_views = dict(type='MultiView', views=dict(weak=[]))
gct_pack = dict(type='PackViews')
gct_unlabeled_pipeline = [
    gct_load, gct_resize, gct_flip, gct_crop, gct_views, gct_pack
]

# no warm-up, as published
gct_hooks = [dict(type='SupervisedWarmupHook', warmup_iters=0)]
