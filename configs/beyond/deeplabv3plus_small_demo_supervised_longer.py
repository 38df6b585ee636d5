# Control of ..._teacher_long: as many images in forward and backward passes,
# (1/4 + 3/4 * 4) * 4,000, all of them labeled.
_base_ = '../ablation/deeplabv3plus_small_demo_supervised_long.py'
max_iters = 13000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
train_dataloader = dict(batch_sampler=dict(epoch_length=max_iters))
poly_schedule = dict(_base_.poly_schedule, end=max_iters)
param_scheduler = [_base_.linear_schedule, poly_schedule]
