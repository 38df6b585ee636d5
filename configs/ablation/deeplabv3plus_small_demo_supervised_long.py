# As many images in forward passes as with DCC: (1/4 + 3/4 * 3) * 1,600.
_base_ = '../demo/deeplabv3plus_small_demo_supervised.py'
max_iters = 4000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
train_dataloader = dict(batch_sampler=dict(epoch_length=max_iters))
poly_schedule = dict(_base_.poly_schedule, end=max_iters)
param_scheduler = [_base_.linear_schedule, poly_schedule]
