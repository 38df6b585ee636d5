# The fragment that turns any config into ECS-style training (after Mendel et
# al., ECCV 2020): a second network sees images with their label maps, learns
# on labeled ones where these are wrong, and corrects the labels that the
# network learns on unlabeled ones. No code of the paper is public: what its
# abstract leaves open was chosen, see the term's docstring. It only adds
# names, so that it merges with every stock config.

# Merged over the stock model: `model = _base_.ecs_model`.
ecs_model = dict(
    type='SemiEncoderDecoder',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    terms=dict(
        correction=dict(
            type='ErrorCorrection',
            view='weak',
            corrector_input='probabilities',
            match_weight='balanced',
            regulariser_weight=0.01,
            unlabeled_weight=1.,
            # as long again as the warm-up: the corrector learns first
            unlabeled_iters=2500,
            certainty='max',
            normalise='valid')))

# Merged over the stock one: `optim_wrapper = _base_.ecs_optim_wrapper`.
# If that has a constructor, name it in `base_constructor`.
# The optimizer is that of ELN (Kwon and Kwak, CVPR 2022), the nearest method
# whose code is public.
ecs_optim_wrapper = dict(
    constructor='CompositeOptimWrapperConstructor',
    parts={
        'terms.correction.corrector':
        dict(type='AdamW', lr=1e-4, weight_decay=1e-5)
    })

# 4 labeled + 4 unlabeled images on each GPU.
# The config that uses it fills in dataset.datasets = [labeled, unlabeled].
ecs_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # unlabeled images have none of these
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# What stock configs do to labeled images of VOC, too, which are 500 px long.
# For other sizes put dict(_base_.ecs_resize, scale=...) in its place.
ecs_load = dict(type='LoadImageFromFile')
ecs_resize = dict(
    type='RandomResize',
    resize_type='NonEmptyResize',
    scale=(500, 500),
    ratio_range=(0.5, 2.0),
    keep_ratio=True)
ecs_flip = dict(type='RandomFlip', prob=0.5)
ecs_crop = dict(type='SharedRandomCrop', crop_size=(512, 512))
ecs_views = dict(type='MultiView', views=dict(weak=[]))
ecs_pack = dict(type='PackViews')
ecs_unlabeled_pipeline = [
    ecs_load, ecs_resize, ecs_flip, ecs_crop, ecs_views, ecs_pack
]

# 1/16 of a training of 20,000 iterations, as for DCC
ecs_hooks = [dict(type='SupervisedWarmupHook', warmup_iters=1250)]
