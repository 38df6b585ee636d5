# Fragment for cross-consistency training (CCT, Ouali et al., CVPR 2020): small
# decoders on perturbed features are trained to agree with the main classifier,
# and the encoder with them. It only defines new names, so that it merges with
# every stock config.

# Merge into the stock model: `model = _base_.cct_model`.
cct_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    terms=dict(
        cct=dict(
            type='CrossConsistency',
            view='weak',
            # For VOC. Without a background class (Cityscapes, ADE20K): None
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
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
cct_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # keys that unlabeled images do not have
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# Published: images become 200 to 800 px long, crops are 320 px. Here the
# resizing is that of stock configs for labeled images of VOC, which are 500 px
# long.
# For other sizes use dict(_base_.cct_resize, scale=...) instead.
cct_load = dict(type='LoadImageFromFile')
cct_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
cct_flip = dict(type='RandomFlip', prob=0.5)
cct_crop = dict(type='SharedRandomCrop', crop_size=(512, 512))
# colours are not changed, as published
cct_views = dict(type='MultiView', views=dict(weak=[]))
cct_pack = dict(type='PackViews')
cct_unlabeled_pipeline = [
    cct_load, cct_resize, cct_flip, cct_crop, cct_views, cct_pack
]

# no warm-up, as published
cct_hooks = [dict(type='SupervisedWarmupHook', warmup_iters=0)]
