_base_ = [
    '../demo/deeplabv3plus_small_demo_dcc.py',
    '../_base_/methods/mean_teacher.py'
]
model = _base_.mean_teacher_model
# a short training: remembers 100 iterations
mean_teacher_hook = dict(_base_.mean_teacher_hook, momentum=0.01)
custom_hooks = [_base_.supervised_warmup, mean_teacher_hook]
