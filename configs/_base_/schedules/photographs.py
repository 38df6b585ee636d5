# For a network with ImageNet weights on a CPU.
_base_ = './small_iterations.py'

max_iters = 1000
optim_wrapper = dict(optimizer=dict(lr=1e-3))
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
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
# The mean of about the last 100 weights is evaluated and kept: on few images
# single checkpoints differ by points. Methods with a mean teacher have one.
average_hook = dict(type='EMAHook', momentum=0.01, update_buffers=True)
