# The fragment that turns any config into AdvSemiSeg (Hung et al., BMVC 2018):
# a discriminator tells predictions from masks, the network learns to pass for
# masks, and its own labels where the discriminator trusts them. It only adds
# names, so that it merges with every stock config.

# Merged over the stock model: `model = _base_.advsemiseg_model`.
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

# Merged over the stock one: `optim_wrapper = _base_.advsemiseg_optim_wrapper`.
# If that has a constructor, name it in `base_constructor`.
advsemiseg_optim_wrapper = dict(
    constructor='CompositeOptimWrapperConstructor',
    parts={
        'terms.adversarial.discriminator':
        dict(type='Adam', lr=1e-4, betas=(0.9, 0.99))
    })

# 4 labeled + 4 unlabeled images on each GPU (published: 10 + 10 on one).
# The config that uses it fills in dataset.datasets = [labeled, unlabeled].
advsemiseg_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # unlabeled images have none of these
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# Published: a crop of 321 px alone; here what stock configs do to labeled
# images of VOC, too, which are 500 px long.
# For other sizes put dict(_base_.advsemiseg_resize, scale=...) in its place.
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
