# Fragment for ECS-style training (after Mendel et al., ECCV 2020): a second
# network, whose input is an image with its label map, is trained on labeled
# images to find errors, and corrects the labels with which the network is
# trained on unlabeled images. The paper has no public code: details beyond its
# abstract are choices of this project, see the docstring of the term. It only
# defines new names, so that it merges with every stock config.

# Merge into the stock model: `model = _base_.ecs_model`.
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
            # as long again as the warm-up, so that the corrector is trained
            # first
            unlabeled_iters=2500,
            certainty='max',
            normalise='valid')))

# Merge into the stock one: `optim_wrapper = _base_.ecs_optim_wrapper`.
# If that has a constructor, set it as `base_constructor`. The optimizer is
# that of ELN (Kwon and Kwak, CVPR 2022), the closest method with public code.
ecs_optim_wrapper = dict(
    constructor='CompositeOptimWrapperConstructor',
    parts={
        'terms.correction.corrector':
        dict(type='AdamW', lr=1e-4, weight_decay=1e-5)
    })

# 4 labeled + 4 unlabeled images on each GPU.
# The config that uses this sets dataset.datasets = [labeled, unlabeled].
ecs_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=False,  # see ReproducibleRandomnessHook
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='MultiSourceBatchSampler', source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # keys that unlabeled images do not have
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# The resizing of stock configs for labeled images of VOC, which are 500 px
# long.
# For other sizes use dict(_base_.ecs_resize, scale=...) instead.
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

# 1/16 of a training of 20,000 iterations, as in DCC
ecs_hooks = [dict(type='SupervisedWarmupHook', warmup_iters=1250)]
