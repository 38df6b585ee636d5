# All training images with their labels, for as long as ..._teacher_long.
_base_ = '../demo/deeplabv3plus_small_demo_oracle.py'
max_iters = 4000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
train_dataloader = dict(sampler=dict(epoch_length=max_iters))
param_scheduler = _base_.param_scheduler
param_scheduler[1].end = max_iters
