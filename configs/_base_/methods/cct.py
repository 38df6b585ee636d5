# The fragment that turns any config into cross-consistency training (CCT,
# Ouali et al., CVPR 2020): small decoders that see perturbed features agree
# with the main classifier, which the encoder learns from. It only adds names,
# so that it merges with every stock config.

# Merged over the stock model: `model = _base_.cct_model`.
cct_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    terms=dict(
        cct=dict(
            type='CrossConsistency',
            view='weak',
            # Of VOC. Where no class is background (Cityscapes, ADE20K): None
            # here, and cutout=0, context=0, object=0 below.
            background=0,
            decoders=dict(
                vat=2,
                dropout=6,
                cutout=6,
                context=2,
                object=2,
                feature_drop=6,
                feature_noise=6),
            # a tenth of 20,000
            weight=dict(peak=30., iters=2000))))

# 4 labeled + 4 unlabeled images on each GPU (published: 10 + 10 on one).
# The config that uses it fills in dataset.datasets = [labeled, unlabeled].
cct_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # unlabeled images have none of these
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# Published: 200 to 800 px long, a crop of 320 px; here what stock configs do
# to labeled images of VOC, too, which are 500 px long.
# For other sizes put dict(_base_.cct_resize, scale=...) in its place.
cct_load = dict(type='LoadImageFromFile')
cct_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
cct_flip = dict(type='RandomFlip', prob=0.5)
cct_crop = dict(type='SharedRandomCrop', crop_size=(512, 512))
# no change of colours, as published
cct_views = dict(type='MultiView', views=dict(weak=[]))
cct_pack = dict(type='PackViews')
cct_unlabeled_pipeline = [
    cct_load, cct_resize, cct_flip, cct_crop, cct_views, cct_pack
]

# no warm-up, as published
cct_hooks = [dict(type='SupervisedWarmupHook', warmup_iters=0)]
