# The same with two decays: supervised training until it has stopped gaining,
# then the unlabeled images at a low learning rate. Better on MSRC-21, with
# seven unlabeled images to each mask.
_base_ = './photographs_one_decay.py'

poly_schedule = dict(begin=_base_.warmup_iters)
param_scheduler = [
    _base_.linear_schedule,
    dict(_base_.poly_schedule, eta_min=2e-4, end=_base_.warmup_iters),
    dict(_base_.poly_schedule, begin=_base_.warmup_iters),
]
average_hook = dict(momentum=0.003)
