# Fragment for AdvSemiSeg (Hung et al., BMVC 2018): a discriminator
# distinguishes predictions from masks; the network is trained to deceive it,
# and with its own labels where the discriminator trusts them. It only defines
# new names, so that it merges with every stock config.

# Merge into the stock model: `model = _base_.advsemiseg_model`.
advsemiseg_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    terms=dict(
        adversarial=dict(
            type='Adversarial',
            view='weak',
            discriminator=dict(type='FullyConvDiscriminator'),
            labeled_weight=0.01,
            unlabeled_weight=0.001,
            self_weight=0.1,
            self_threshold=0.2,
            # a quarter of 20,000
            self_iters=5000)))

# Merge into the stock one: `optim_wrapper = _base_.advsemiseg_optim_wrapper`.
# If that has a constructor, set it as `base_constructor`.
advsemiseg_optim_wrapper = dict(
    constructor='CompositeOptimWrapperConstructor',
    parts={
        'terms.adversarial.discriminator':
        dict(type='Adam', lr=1e-4, betas=(0.9, 0.99))
    })

# 4 labeled + 4 unlabeled images on each GPU (published: 10 + 10 on one).
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
advsemiseg_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # keys that unlabeled images do not have
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# Published: only crops of 321 px. Here the resizing is that of stock configs
# for labeled images of VOC, which are 500 px long.
# For other sizes use dict(_base_.advsemiseg_resize, scale=...) instead.
advsemiseg_load = dict(type='LoadImageFromFile')
advsemiseg_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
advsemiseg_flip = dict(type='RandomFlip', prob=0.5)
advsemiseg_crop = dict(type='SharedRandomCrop', crop_size=(512, 512))
advsemiseg_views = dict(type='MultiView', views=dict(weak=[]))
advsemiseg_pack = dict(type='PackViews')
advsemiseg_unlabeled_pipeline = [
    advsemiseg_load, advsemiseg_resize, advsemiseg_flip, advsemiseg_crop,
    advsemiseg_views, advsemiseg_pack
]

# no warm-up, as published
advsemiseg_hooks = [dict(type='SupervisedWarmupHook', warmup_iters=0)]
