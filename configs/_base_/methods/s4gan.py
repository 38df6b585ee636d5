# The fragment that turns any config into S4GAN (Mittal et al., TPAMI 2021): a
# discriminator judges images with their label maps, the network learns to make
# predictions with the features of masks, and its own labels of the images that
# pass. Without the paper's second branch, a multi-label mean teacher. It only
# adds names, so that it merges with every stock config.

# Merged over the stock model: `model = _base_.s4gan_model`.
s4gan_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    terms=dict(
        matching=dict(
            type='FeatureMatching',
            view='weak',
            discriminator=dict(type='ImageDiscriminator'),
            matching_weight=0.1,
            self_weight=1.,
            # 0.6 on VOC, 0.7 on Cityscapes
            self_threshold=0.6,
            self_iters=1)))

# Merged over the stock one: `optim_wrapper = _base_.s4gan_optim_wrapper`.
# If that has a constructor, name it in `base_constructor`.
s4gan_optim_wrapper = dict(
    constructor='CompositeOptimWrapperConstructor',
    parts={
        # 1e-5 on Cityscapes
        'terms.matching.discriminator':
        dict(type='Adam', lr=1e-4, betas=(0.9, 0.99))
    })

# 4 labeled + 4 unlabeled images on each GPU (published: 8 + 8 on one).
# The config that uses it fills in dataset.datasets = [labeled, unlabeled].
s4gan_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # unlabeled images have none of these
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# Published: a crop of 321 px; here what stock configs do to labeled images of
# VOC, too, which are 500 px long.
# For other sizes put dict(_base_.s4gan_resize, scale=...) in its place.
s4gan_load = dict(type='LoadImageFromFile')
s4gan_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
s4gan_flip = dict(type='RandomFlip', prob=0.5)
s4gan_crop = dict(type='SharedRandomCrop', crop_size=(512, 512))
s4gan_views = dict(type='MultiView', views=dict(weak=[]))
s4gan_pack = dict(type='PackViews')
s4gan_unlabeled_pipeline = [
    s4gan_load, s4gan_resize, s4gan_flip, s4gan_crop, s4gan_views,
    s4gan_pack
]

# no warm-up, as published
s4gan_hooks = [dict(type='SupervisedWarmupHook', warmup_iters=0)]
