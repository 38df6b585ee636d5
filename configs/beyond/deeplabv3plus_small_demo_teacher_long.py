_base_ = './deeplabv3plus_small_demo_teacher.py'
max_iters = 4000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
train_dataloader = dict(batch_sampler=dict(epoch_length=max_iters))
poly_schedule = dict(_base_.poly_schedule, end=max_iters)
param_scheduler = [_base_.linear_schedule, poly_schedule]
supervised_warmup = dict(
    _base_.supervised_warmup, warmup_iters=max_iters // 4)
custom_hooks = [supervised_warmup, _base_.pseudo_labels_hook]
