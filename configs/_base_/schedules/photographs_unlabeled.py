# Supervised training until it has stopped gaining, then as many iterations
# with the unlabeled images at a low learning rate: labels of a network that
# still learns are wrong too often, and small classes are not yet in them.
_base_ = './photographs.py'

warmup_iters = 1000
max_iters = 2000
supervised_schedule = dict(
    _base_.poly_schedule, eta_min=2e-4, end=warmup_iters)
poly_schedule = dict(begin=warmup_iters, end=max_iters)
param_scheduler = [
    _base_.linear_schedule,
    supervised_schedule,
    dict(_base_.poly_schedule, begin=warmup_iters, end=max_iters),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
# a teacher that follows slowly
average_hook = dict(momentum=0.003)
