# Fragment for S4GAN (Mittal et al., TPAMI 2021): a discriminator classifies
# images with their label maps; the network is trained to make predictions with
# the discriminator features of masks, and with its own labels of the images
# that the discriminator takes for real. The second branch of the paper, a
# multi-label mean teacher, is not included. It only defines new names, so that
# it merges with every stock config.

# Merge into the stock model: `model = _base_.s4gan_model`.
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

# Merge into the stock one: `optim_wrapper = _base_.s4gan_optim_wrapper`.
# If that has a constructor, set it as `base_constructor`.
s4gan_optim_wrapper = dict(
    constructor='CompositeOptimWrapperConstructor',
    parts={
        # 1e-5 on Cityscapes
        'terms.matching.discriminator':
        dict(type='Adam', lr=1e-4, betas=(0.9, 0.99))
    })

# 4 labeled + 4 unlabeled images on each GPU (published: 8 + 8 on one).
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
s4gan_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # keys that unlabeled images do not have
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# Published: crops of 321 px. Here the resizing is that of stock configs for
# labeled images of VOC, which are 500 px long.
# For other sizes use dict(_base_.s4gan_resize, scale=...) instead.
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
