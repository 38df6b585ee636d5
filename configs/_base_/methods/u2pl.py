# The fragment that turns any config into U2PL (Wang et al., CVPR 2022): the
# mean teacher's labels of low entropy are learned on mixed images; pixels of
# high entropy are negatives, in a contrast of representations, of the classes
# that they are not. It only adds names, so that it merges with every stock
# config.

# Merged over the stock model: `model = _base_.u2pl_model`.
u2pl_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    terms=dict(
        u2pl=dict(
            type='UnreliablePseudoLabels',
            view='weak',
            unreliable=0.2,
            # sides from half to all of the image: half of its area
            mix=dict(
                kind='cutmix',
                area_range=(0.5, 0.5),
                ratio_range=(0.5, 2.),
                prob=0.5,
                partner='roll'),
            contrast_weight=1.,
            representation=dict(type='RepresentationHead', channels=256),
            # Rows in all and those of a process and step, of each class. On
            # the device and in checkpoints: 5 MB a class.
            queue_sizes=5000,
            queue_rows=500,
            anchors=256,
            negatives=50,
            # with four classes or less (1, 20)
            ranks=(3, 20))))

# 4 labeled + 4 unlabeled images on each of four GPUs.
# The config that uses it fills in dataset.datasets = [labeled, unlabeled].
u2pl_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # unlabeled images have none of these
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# VOC's images, 500 px long, become 250 to 1,000 px long; the crop is that of
# mmseg's configs of VOC (published: 513).
# For other sizes put dict(_base_.u2pl_resize, scale=...) in its place.
u2pl_load = dict(type='LoadImageFromFile')
u2pl_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
u2pl_flip = dict(type='RandomFlip', prob=0.5)
u2pl_crop = dict(type='SharedRandomCrop', crop_size=(512, 512))
# no change of colours
u2pl_views = dict(type='MultiView', views=dict(weak=[]))
u2pl_pack = dict(type='PackViews')
u2pl_unlabeled_pipeline = [
    u2pl_load, u2pl_resize, u2pl_flip, u2pl_crop, u2pl_views, u2pl_pack
]

# The first of 80 epochs is supervised: of 9,259 unlabeled images of VOC (1/8
# labeled), 16 at a time. None on Cityscapes.
u2pl_warmup = dict(type='SupervisedWarmupHook', warmup_iters=579)
# The average remembers 100 iterations, as published.
u2pl_teacher = dict(
    type='MeanTeacherHook',
    ema_type='MomentumAnnealingEMA',
    momentum=0.01,
    gamma=1)
u2pl_hooks = [u2pl_warmup, u2pl_teacher]
