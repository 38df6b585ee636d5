# Control of ..._teacher_long: DCC alone with the same schedule.
_base_ = '../demo/deeplabv3plus_small_demo_dcc.py'
max_iters = 4000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
train_dataloader = dict(batch_sampler=dict(epoch_length=max_iters))
poly_schedule = dict(_base_.poly_schedule, end=max_iters)
param_scheduler = [_base_.linear_schedule, poly_schedule]
supervised_warmup = dict(
    _base_.supervised_warmup, warmup_iters=max_iters // 4)
custom_hooks = [supervised_warmup]
