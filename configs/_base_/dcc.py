# Turns a stock config into a DCC config; see configs/dcc/README.md.
# All values from Sec. 4.1 and Table 4 of the paper.
custom_imports = dict(imports=['mmseg_dcc'], allow_failed_imports=False)

# Merged over the stock model: `model = _base_.dcc_model`.
dcc_model = dict(
    type='DCCSegmentor',
    data_preprocessor=dict(type='SemiSegDataPreProcessor'),
    projector=dict(type='PixelProjector', out_channels=128),
    loss_dc=dict(
        type='DirectionalContrastiveLoss',
        temperature=0.1,
        confidence_threshold=0.75,
        loss_weight=0.1),
    # 2 crops x 3,200 x 3 steps: 19.2k negatives a GPU
    memory_bank=dict(
        type='FeatureMemoryBank', negatives_per_crop=3200, steps=3),
    stride=8)

# 4 labeled + 4 unlabeled images on each of two GPUs.
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='MultiSourceSampler', batch_size=8, source_ratio=[1, 1]),
    dataset=dict(
        type='ConcatDataset',
        # unlabeled images have none of these
        ignore_keys=['classes', 'palette', 'label_map', 'reduce_zero_label']))

# 5 of 80 epochs are supervised only.
custom_hooks = [dict(type='SupervisedWarmupHook', warmup_epochs=5)]

# What each crop of a pair goes through on its own.
augment_each_crop = dict(
    type='TransformBroadcaster',
    mapping=dict(img='img', flip='flip', flip_direction='flip_direction'),
    auto_remap=True,
    transforms=[
        dict(type='RandomFlip', prob=0.5),
        dict(
            type='RandomApply',
            transforms=[dict(type='PhotoMetricDistortion')],
            prob=0.8),
        dict(type='RandomGrayscale', prob=0.2, keep_channels=True),
        dict(type='RandomGaussianBlur', prob=0.5),
    ])
