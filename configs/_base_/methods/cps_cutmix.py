# Fragment for cross pseudo supervision with CutMix (CPS, Chen et al., CVPR
# 2021): two networks of the same config are trained on each other's labels on
# mixed unlabeled images. It only defines new names, so that it merges with
# every stock config.

# Merge into the stock model: `model = _base_.cps_cutmix_model`.
cps_cutmix_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    terms=dict(
        cps=dict(
            type='CrossPseudo',
            view='weak',
            # 1 on VOC, 5 on Cityscapes
            weight=1.,
            mix=dict(kind='three_boxes', partner='roll'))))

# 4 labeled + 4 unlabeled images on each GPU (published: 2 + 2 on four).
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
cps_cutmix_dataloader = dict(
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
# For other sizes use dict(_base_.cps_cutmix_resize, scale=...) instead.
cps_cutmix_load = dict(type='LoadImageFromFile')
cps_cutmix_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
cps_cutmix_flip = dict(type='RandomFlip', prob=0.5)
cps_cutmix_crop = dict(type='SharedRandomCrop', crop_size=(512, 512))
# colours are not changed, as published
cps_cutmix_views = dict(type='MultiView', views=dict(weak=[]))
cps_cutmix_pack = dict(type='PackViews')
cps_cutmix_unlabeled_pipeline = [
    cps_cutmix_load, cps_cutmix_resize, cps_cutmix_flip, cps_cutmix_crop,
    cps_cutmix_views, cps_cutmix_pack
]

# no warm-up, as published
cps_cutmix_hooks = [dict(type='SupervisedWarmupHook', warmup_iters=0)]
