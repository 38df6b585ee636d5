# Sec. 4.1. The learning rate of the backbone is lr * lr_mult.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.01, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1))))
poly_schedule = dict(
    type='PolyLR',
    power=0.9,
    eta_min=0,
    begin=0,
    end=80,
    by_epoch=True,
    convert_to_iter_based=True)
param_scheduler = [poly_schedule]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=80, val_interval=5)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='CheckpointHook',
        interval=1,
        # keeps the previous one while the next is written
        max_keep_ckpts=2,
        backend_args=dict(backend='AtomicLocalBackend')),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    randomness=dict(type='ReproducibleRandomnessHook'),
    non_finite=dict(type='NonFiniteHook'),
    unreadable=dict(type='UnreadableImagesHook'),
    visualization=dict(type='SegVisualizationHook'))
log_processor = dict(by_epoch=True)
