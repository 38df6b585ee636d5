# DCC for as many labeled images as ..._supervised_long.
_base_ = '../camvid/deeplabv3plus_small_camvid_1-8_dcc.py'
max_iters = 4000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
train_dataloader = dict(sampler=dict(epoch_length=max_iters))
param_scheduler = _base_.param_scheduler
param_scheduler[1].end = max_iters
custom_hooks = _base_.custom_hooks
custom_hooks[0].warmup_iters = max_iters // 4
