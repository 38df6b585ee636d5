# Supervised training first, then as many iterations with the unlabeled images:
# labels of a network that has just begun to learn are wrong too often, and
# small classes are not yet in them. The learning rate decays once: better on
# the demo, with a hundred unlabeled images to each mask.
_base_ = './photographs.py'

warmup_iters = 1000
max_iters = 2000
poly_schedule = dict(end=max_iters)
param_scheduler = [
    _base_.linear_schedule,
    dict(_base_.poly_schedule, end=max_iters),
]
train_cfg = dict(max_iters=max_iters, val_interval=max_iters)
# a teacher that follows slowly
average_hook = dict(momentum=0.005)
