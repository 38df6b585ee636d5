# Fragment for U2PL (Wang et al., CVPR 2022): on mixed images the network is
# trained with the labels of a mean teacher where their entropy is low. Pixels
# of high entropy are negatives, in a contrastive loss, of classes to which
# they do not belong. It only defines new names, so that it merges with every
# stock config.

# Merge into the stock model: `model = _base_.u2pl_model`.
u2pl_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    terms=dict(
        u2pl=dict(
            type='UnreliablePseudoLabels',
            view='weak',
            unreliable=0.2,
            # boxes of half the area, with sides from half to the whole of the
            # image
            mix=dict(
                kind='cutmix',
                area_range=(0.5, 0.5),
                ratio_range=(0.5, 2.),
                prob=0.5,
                partner='roll'),
            contrast_weight=1.,
            representation=dict(type='RepresentationHead', channels=256),
            # Rows of each class: in the queue, and appended by a process in a
            # step. The queue takes 5 MB per class, on the device and in
            # checkpoints.
            queue_sizes=5000,
            queue_rows=500,
            anchors=256,
            negatives=50,
            # (1, 20) for data sets of four classes or fewer
            ranks=(3, 20))))

# 4 labeled + 4 unlabeled images on each of four GPUs.
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
u2pl_dataloader = dict(
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
# that of the VOC configs of mmseg (published: 513).
# For other sizes use dict(_base_.u2pl_resize, scale=...) instead.
u2pl_load = dict(type='LoadImageFromFile')
u2pl_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
u2pl_flip = dict(type='RandomFlip', prob=0.5)
u2pl_crop = dict(type='SharedRandomCrop', crop_size=(512, 512))
# colours are not changed
u2pl_views = dict(type='MultiView', views=dict(weak=[]))
u2pl_pack = dict(type='PackViews')
u2pl_unlabeled_pipeline = [
    u2pl_load, u2pl_resize, u2pl_flip, u2pl_crop, u2pl_views, u2pl_pack
]

# As published on VOC, the first of 80 epochs is supervised: 9,259 unlabeled
# images (1/8 labeled), 16 per step. No warm-up on Cityscapes.
u2pl_warmup = dict(type='SupervisedWarmupHook', warmup_iters=579)
# As published, the average covers about 100 iterations.
u2pl_teacher = dict(
    type='MeanTeacherHook',
    ema_type='MomentumAnnealingEMA',
    momentum=0.01,
    gamma=1)
u2pl_hooks = [u2pl_warmup, u2pl_teacher]
