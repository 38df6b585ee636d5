# Schedule from scratch on a CPU. AdamW converges clearly faster than SGD here.
max_iters = 1600
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=3e-3, weight_decay=0.01))
linear_schedule = dict(
    type='LinearLR', start_factor=0.02, by_epoch=False, begin=0, end=50)
poly_schedule = dict(
    type='PolyLR',
    power=0.9,
    eta_min=0,
    by_epoch=False,
    begin=50,
    end=max_iters)
param_scheduler = [linear_schedule, poly_schedule]
train_cfg = dict(
    type='IterBasedTrainLoop', max_iters=max_iters, val_interval=max_iters)
log_processor = dict(by_epoch=False)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=100, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='CheckpointHook',
        by_epoch=False,
        interval=500,
        # keeps the previous one while the next is written
        max_keep_ckpts=2,
        backend_args=dict(backend='AtomicLocalBackend')),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    randomness=dict(type='ReproducibleRandomnessHook'),
    non_finite=dict(type='NonFiniteHook'),
    unreadable=dict(type='UnreadableImagesHook'),
    visualization=dict(type='SegVisualizationHook'))
