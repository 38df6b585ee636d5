# As photographs_unlabeled.py, but the learning rate decays once over all
# iterations. On the demo, with a hundred unlabeled images to each mask, this
# is better by points.
_base_ = './photographs.py'

warmup_iters = 1000
max_iters = 2000
poly_schedule = dict(end=max_iters)
param_scheduler = [
    _base_.linear_schedule,
    dict(_base_.poly_schedule, end=max_iters),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
average_hook = dict(momentum=0.005)
