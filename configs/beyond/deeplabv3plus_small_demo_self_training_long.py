# The student of ..._teacher_long: tools/make_pseudo_masks.py --tta
_base_ = '../ablation/deeplabv3plus_small_demo_self_training.py'
max_iters = 4000
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
train_dataloader = dict(sampler=dict(epoch_length=max_iters))
param_scheduler = _base_.param_scheduler
param_scheduler[1].end = max_iters
