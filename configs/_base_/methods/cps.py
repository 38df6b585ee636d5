# Fragment for cross pseudo supervision (CPS, Chen et al., CVPR 2021): the
# network and a second one of the same config, whose head is initialised
# differently, are trained on each other's labels. It only defines new names,
# so that it merges with every stock config.

# Merge into the stock model: `model = _base_.cps_model`.
cps_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    terms=dict(
        # 1.5 on VOC, 6 on Cityscapes
        cps=dict(type='CrossPseudo', view='weak', weight=1.5)))

# 4 labeled + 4 unlabeled images on each GPU (published: 2 + 2 on four).
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
cps_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # keys that unlabeled images do not have
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# Images of VOC, 500 px long, become 250 to 1,000 px long (published: one of
# the six ratios 0.5, 0.75, 1, 1.5, 1.75, 2). The crop size is the published
# one.
# For other sizes use dict(_base_.cps_resize, scale=...) instead.
cps_load = dict(type='LoadImageFromFile')
cps_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
cps_flip = dict(type='RandomFlip', prob=0.5)
cps_crop = dict(type='SharedRandomCrop', crop_size=(512, 512))
# colours are not changed, as published
cps_views = dict(type='MultiView', views=dict(weak=[]))
cps_pack = dict(type='PackViews')
cps_unlabeled_pipeline = [
    cps_load, cps_resize, cps_flip, cps_crop, cps_views, cps_pack
]

# no warm-up, as published
cps_hooks = [dict(type='SupervisedWarmupHook', warmup_iters=0)]
