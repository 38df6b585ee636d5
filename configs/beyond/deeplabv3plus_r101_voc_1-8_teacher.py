_base_ = [
    '../dcc/deeplabv3plus_r101_voc_1-8.py',
    '../_base_/methods/mean_teacher.py'
]
model = _base_.mean_teacher_model
custom_hooks = [*_base_.custom_hooks, *_base_.mean_teacher_hooks]
